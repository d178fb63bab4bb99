import assert from "node:assert/strict";
import fc from "fast-check";
import { CtrError } from "../core/mod.ts";
import { environmentProxy, isExcepted, parseProxy } from "./proxy.ts";

Deno.test("NO_PROXY names domains, addresses, networks and ports", () => {
  const cases: [string, string, boolean][] = [
    ["https://a.example/", "", false],
    ["https://a.example/", "*", true],
    ["https://a.example/", "b.example, example", true],
    ["https://a.example/", ".example", true],
    ["https://a.example/", "*.example", true],
    ["https://example/", ".example", true],
    ["https://badexample/", "example", false],
    ["https://A.Example./", "a.EXAMPLE", true],
    ["https://a.example/", "a.example:443", true],
    ["https://a.example/", "a.example:80", false],
    ["http://a.example:5000/", "a.example:5000", true],
    ["https://10.1.2.3/", "10.0.0.0/8", true],
    ["https://11.1.2.3/", "10.0.0.0/8", false],
    ["https://10.1.2.3/", "10.1.2.3", true],
    ["https://10.1.2.3:99/", "10.1.2.3:98", false],
    ["https://10.1.2.3/", "0.0.0.0/0", true],
    ["https://[fd00::1]/", "fd00::/8", true],
    ["https://[fd00::1]/", "[FD00:0::1]", true],
    ["https://[fd00::1]/", "fe80::/10", false],
    ["https://[fd00::1]/", "10.0.0.0/8", false],
    ["https://a.example/", "10.0.0.0/8 a.example", true],
    ["https://10.1.2.3/", "10.0.0.0/99", false],
  ];
  for (const [url, rules, expected] of cases) {
    assert.equal(isExcepted(new URL(url), rules), expected, `${url} with ${rules}`);
  }
});

Deno.test("a network excepts exactly the addresses that share its first bits", () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const address = fc.tuple(octet, octet, octet, octet);
  fc.assert(fc.property(address, address, fc.integer({ min: 0, max: 32 }), (a, b, bits) => {
    const value = (each: number[]) => each.reduce((all, octet) => all * 256 + octet, 0);
    const same =
      Math.floor(value(a) / 2 ** (32 - bits)) === Math.floor(value(b) / 2 ** (32 - bits));
    assert.equal(isExcepted(new URL(`http://${b.join(".")}/`), `${a.join(".")}/${bits}`), same);
  }));
});

Deno.test("NO_PROXY of any text ends", () => {
  const odd = fc.string({ unit: fc.constantFrom(..."ab.:*/[]0, ".split("")), maxLength: 60 });
  fc.assert(fc.property(odd, (rules) => void isExcepted(new URL("https://a.b:1/"), rules)));
});

Deno.test("a proxy comes from the variable of its protocol, lower case first", () => {
  const shown = (url: string, environment: Record<string, string>) => {
    const proxy = environmentProxy(new URL(url), environment);
    return proxy && `${proxy.transport} ${proxy.url} ${proxy.source}`;
  };
  const all = {
    HTTPS_PROXY: "http://up:1",
    https_proxy: "http://low:2",
    ALL_PROXY: "socks5://all:3",
  };
  assert.equal(shown("https://a.io/", all), "http http://low:2 https_proxy");
  assert.equal(shown("http://a.io/", all), "socks5 socks5://all:3 ALL_PROXY");
  assert.equal(
    shown("https://a.io/", { HTTPS_PROXY: "proxy:3128" }),
    "http http://proxy:3128 HTTPS_PROXY",
  );
  for (const own of ["http://localhost:5000/", "http://127.0.0.9/", "http://[::1]/"]) {
    assert.equal(shown(own, { ALL_PROXY: "http://p:1" }), undefined);
  }
});

Deno.test("what cannot be a proxy is named without its password", () => {
  assert.throws(() => parseProxy("ftp://ann:secret-word@p:1", "HTTPS_PROXY"), (error) => {
    assert.ok(error instanceof CtrError && !error.message.includes("secret-word"));
    assert.match(error.message, /^cannot use HTTPS_PROXY: want a proxy/);
    return true;
  });
  const { url, login, shown } = parseProxy("http://a%40b:p%3Aq@proxy:3128", "x");
  assert.deepEqual([url, login, shown], [
    "http://proxy:3128",
    { username: "a@b", password: "p:q" },
    "proxy:3128",
  ]);
});
