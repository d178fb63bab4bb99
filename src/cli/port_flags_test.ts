import assert from "node:assert/strict";
import { egress } from "./egress_flags.ts";
import { attachment, networkRequest } from "./network_flags.ts";
import { exposed, published } from "./port_flags.ts";

const tcp = (hostPort: number, containerPort: number, hostAddress?: string) => ({
  protocol: "tcp",
  ...(hostAddress !== undefined && { hostAddress }),
  hostPort,
  containerPort,
});

Deno.test("--publish is read as docker reads it", () => {
  const forms: [string, unknown[]][] = [
    ["80", [tcp(0, 80)]],
    ["8080:80", [tcp(8080, 80)]],
    ["0:80", [tcp(0, 80)]],
    [":80", [tcp(0, 80)]],
    ["127.0.0.1:8080:80", [tcp(8080, 80, "127.0.0.1")]],
    ["127.0.0.1::80", [tcp(0, 80, "127.0.0.1")]],
    ["localhost:8080:80", [tcp(8080, 80, "localhost")]],
    ["[::1]:8080:80", [tcp(8080, 80, "::1")]],
    ["[::]:8080:80/tcp", [tcp(8080, 80, "::")]],
    ["53:53/udp", [{ ...tcp(53, 53), protocol: "udp" }]],
    ["8000-8001:80-81", [tcp(8000, 80), tcp(8001, 81)]],
    ["80-81", [tcp(0, 80), tcp(0, 81)]],
    ["8000-8010:80", [{ ...tcp(8000, 80), lastHostPort: 8010 }]],
  ];
  for (const [text, want] of forms) assert.deepEqual(published(text), want, text);
  for (
    const text of [
      "",
      "x",
      "80:x",
      "1.2.3.4.5:80:80",
      "300.1.1.1:80:80",
      "80:70000",
      "80-82:80-81",
      "82-80",
      "80/sctp",
      "::1:80:80",
      "8080:0",
    ]
  ) assert.throws(() => published(text), { code: "usage" }, text);
});

Deno.test("--expose is read as docker reads it", () => {
  assert.deepEqual(exposed("80"), [{ port: 80, protocol: "tcp" }]);
  assert.deepEqual(exposed("53-54/udp").length, 2);
  for (const text of ["x", "0", "80/x"]) assert.throws(() => exposed(text), { code: "usage" });
});

Deno.test("egress is denied but for what is allowed", () => {
  const allow = (text: string) => egress({ allowHost: [text] })!.allow[0];
  assert.equal(egress({}), undefined);
  assert.equal(egress({ allowHost: ["a.test"] })!.default, "deny");
  assert.deepEqual(allow("a.test"), { name: "a.test", port: 0 });
  assert.deepEqual(allow("*.a.test:443"), { name: "*.a.test", port: 443 });
  assert.deepEqual(allow("192.0.2.1:80"), { range: "192.0.2.1/32", port: 80 });
  assert.deepEqual(allow("192.0.2.0/24"), { range: "192.0.2.0/24", port: 0 });
  assert.deepEqual(allow("[2001:db8::/32]:443"), { range: "2001:db8::/32", port: 443 });
  assert.deepEqual(allow("2001:db8::1"), { range: "2001:db8::1/128", port: 0 });
  for (const text of ["", "a b", "a.test:0", "a.test:99999", "*.*"]) {
    assert.throws(() => allow(text), { code: "usage" }, text);
  }
  assert.throws(() => egress({ egress: "allow", allowHost: ["a.test"] }), { code: "usage" });
});

Deno.test("--network takes a name and what belongs to it", () => {
  assert.deepEqual(
    attachment("back,alias=db,alias=sql,ip=10.1.0.9,mac=02:00:00:00:00:09,mtu=1400"),
    {
      name: "back",
      aliases: ["db", "sql"],
      ip: "10.1.0.9",
      mac: "02:00:00:00:00:09",
      mtu: 1400,
    },
  );
  for (const text of ["", "a,x=1", "a,mtu=9", "a,mac=01:00:00:00:00:00", "a,ip=x", "host"]) {
    assert.throws(() => attachment(text), { code: "usage" }, text);
  }
  assert.deepEqual(networkRequest({ network: ["none"] }).networks, []);
  assert.deepEqual(networkRequest({ ip: "10.0.0.9" }).networks, [{
    name: "default",
    ip: "10.0.0.9",
  }]);
  assert.throws(() => networkRequest({ network: ["none", "a"] }), { code: "usage" });
});
