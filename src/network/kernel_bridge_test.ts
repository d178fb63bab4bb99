import assert from "node:assert/strict";
import { endpointAt } from "./endpoint.ts";
import { bridgeName, bridgeOf, guestTap } from "./kernel_bridge.ts";
import { AddressPlan } from "./plan.ts";
import type { EndpointRequest, NetworkConfig } from "./types.ts";

const CONFIG: NetworkConfig = {
  name: "fast",
  createdAt: "2026-01-01T00:00:00.000Z",
  driver: "bridge",
  ipv4: "10.9.0.0/24",
  ipv6: "fd09::/64",
  mtu: 1500,
  internal: false,
  hostAccess: true,
  labels: {},
  options: {},
};
const REQUEST: EndpointRequest = { network: "fast", container: { id: "0a1b2c", name: "web" } };

Deno.test("what the kernel has of a network bears names of one home, which fit", () => {
  const names = [
    bridgeName("/a", "fast"),
    bridgeName("/b", "fast"),
    bridgeName("/a", "other"),
    bridgeOf(CONFIG, "/a").tap,
    guestTap("/a", "fast", "0a1b2c"),
    guestTap("/a", "other", "0a1b2c"),
    guestTap("/a", "fast", "0a1b2d"),
  ];
  for (const name of names) assert.match(name, /^ct[rdp][0-9a-z]{12}$/);
  assert.equal(new Set(names).size, names.length);
  assert.equal(bridgeName("/a", "fast"), names[0]);
});

Deno.test("the bridge has the first address, and netd serves at the last", () => {
  assert.deepEqual([bridgeOf(CONFIG, "/a").ipv4, bridgeOf(CONFIG, "/a").ipv6], [
    "10.9.0.1/24",
    "fd09::1/64",
  ]);
  const plan = new AddressPlan(CONFIG);
  const at = (config: NetworkConfig, more: Partial<EndpointRequest> = {}) =>
    endpointAt({ ...REQUEST, ...more }, config, plan, 2n, "/a");
  assert.deepEqual(at(CONFIG).nameservers, ["10.9.0.254", "fd09::fffe"]);
  assert.equal(at(CONFIG).tap, guestTap("/a", "fast", "0a1b2c"));
  assert.equal(at({ ...CONFIG, driver: "user" }).tap, undefined);
  const deny = { default: "deny", allow: [] } as const;
  for (
    const judged of [
      at(CONFIG, { egress: deny }),
      at({ ...CONFIG, egress: deny }),
      at({ ...CONFIG, internal: true }),
    ]
  ) assert.deepEqual([judged.gateway4, judged.gateway6], ["10.9.0.254", "fd09::fffe"]);
  assert.equal(at({ ...CONFIG, driver: "user", egress: deny }).gateway4, "10.9.0.1");
});
