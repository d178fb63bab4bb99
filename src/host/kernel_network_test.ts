import assert from "node:assert/strict";
import { bridgeObstacle, interfaceNames } from "./kernel_network.ts";

Deno.test("a bridge needs Linux, root, taps and nft, and the first that is missing is told", () => {
  const has = (path: string) => path === "/dev/net/tun" || path === "/usr/sbin/nft";
  const fact = (change: object) =>
    bridgeObstacle({ system: "linux", uid: 0, has, ...change })?.fact;
  assert.equal(fact({}), undefined);
  assert.equal(fact({ system: "darwin" }), "only Linux has it");
  assert.equal(fact({ uid: 1000 }), "it needs root");
  assert.equal(fact({ has: () => false }), "this host has no /dev/net/tun");
  const withoutNft = (path: string) => path === "/dev/net/tun";
  assert.equal(fact({ has: withoutNft }), 'the program "nft" is not installed');
});

Deno.test({
  name: "interfaces are found by name",
  ignore: Deno.build.os !== "linux",
  fn: () => assert.ok(interfaceNames().includes("lo")),
});
