import assert from "node:assert/strict";
import fc from "fast-check";
import { formatAddress, overlaps, parseAddress, parseCidr } from "./cidr.ts";
import { AddressPlan, macAt } from "./plan.ts";
import { chooseRanges } from "./subnets.ts";
import type { NetworkConfig } from "./types.ts";

Deno.test("addresses", async (t) => {
  await t.step("read and written, are the same", () => {
    fc.assert(fc.property(fc.ipV4(), (text) => {
      const { family, value } = parseAddress(text);
      assert.equal(formatAddress(family, value), text);
    }));
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (value) => {
      const text = formatAddress(6, value);
      assert.deepEqual(parseAddress(text), { family: 6, value });
      assert.equal(new URL(`http://[${text}]/`).hostname, `[${text}]`); // as RFC 5952 has it
    }));
  });
  for (
    const text of [
      "",
      "1.2.3",
      "1.2.3.256",
      "01.2.3.4",
      ":::",
      "1::2::3",
      "1:2:3:4:5:6:7:8:9",
      "g::",
    ]
  ) {
    await t.step(`"${text}" is none`, () => {
      assert.throws(() => parseAddress(text), { code: "usage" });
    });
  }
});

Deno.test("ranges", async (t) => {
  await t.step("begin at their first address", () => {
    assert.throws(() => parseCidr("10.1.2.3/24", 4), /begins at 10\.1\.2\.0\/24/);
    assert.throws(() => parseCidr("10.1.2.0/33", 4), { code: "usage" });
    assert.throws(() => parseCidr("fd00::/64", 4), { code: "usage" });
  });
  await t.step("overlap in both directions", () => {
    const [wide, narrow] = [parseCidr("10.0.0.0/8", 4), parseCidr("10.9.9.0/24", 4)];
    assert.equal(overlaps(wide, narrow) && overlaps(narrow, wide), true);
    assert.equal(overlaps(narrow, parseCidr("10.9.8.0/24", 4)), false);
  });
  await t.step("are the first that nobody uses", () => {
    const first = chooseRanges({}, [], []);
    assert.deepEqual(first, { ipv4: "10.216.0.0/24", ipv6: "fd63:7472::/64" });
    const taken = [{ name: "a", ...first } as NetworkConfig];
    const second = chooseRanges({}, taken, [parseCidr("10.216.1.0/24", 4)]);
    assert.deepEqual(second, { ipv4: "10.216.2.0/24", ipv6: "fd63:7472:0:1::/64" });
    assert.throws(() => chooseRanges({ ipv4: "10.216.0.0/20" }, taken, []), /network "a" has it/);
    assert.throws(() => chooseRanges({ ipv4: "10.9.0.0/31" }, [], []), { code: "usage" });
    assert.deepEqual(chooseRanges({ ipv4: "none" }, [], []), { ipv6: "fd63:7472::/64" });
  });
});

Deno.test("the plan of a network", async (t) => {
  const config = { ipv4: "10.9.0.0/24", ipv6: "fd09::/64" };
  const plan = new AddressPlan(config);
  await t.step("has a gateway, the host, and guests between them", () => {
    assert.deepEqual([plan.gateway(4), plan.gateway(6)], ["10.9.0.1/24", "fd09::1/64"]);
    assert.deepEqual(plan.host(), ["10.9.0.254", "fd09::fffe"]);
    assert.deepEqual(plan.places, { first: 2n, last: 253n });
    assert.deepEqual(plan.addresses(2n), ["10.9.0.2/24", "fd09::2/64"]);
    assert.deepEqual(plan.placeOf("10.9.0.7", "n"), { family: 4, place: 7n });
    for (const text of ["10.9.0.1", "10.9.0.254", "10.9.0.255", "10.9.0.0", "10.8.0.3", "fd09::"]) {
      assert.throws(() => plan.placeOf(text, "n"), { code: "usage" }, text);
    }
  });
  await t.step("has one MAC for each place", () => {
    const macs = new Set(
      Array.from({ length: 252 }, (_, place) => macAt(config, BigInt(place + 2))),
    );
    assert.equal(macs.size, 252);
    assert.match([...macs][0]!, /^02(:[0-9a-f]{2}){5}$/);
  });
});
