import assert from "node:assert/strict";
import { Home, request, started } from "../fake_home.ts";
import { FakeNetworks } from "../fake_networks.ts";
import { configOf } from "../stored_config.ts";
import { guestHosts, guestNetwork } from "./guest_network.ts";
import { joinNetworks } from "./join.ts";
import { mergeNetwork } from "./merge_network.ts";
import { PortProbe } from "./port_probe.ts";

const merge = (more: object, exposed: string[] = []) =>
  mergeNetwork("web", request(["sleep"], more), exposed);

Deno.test("a container is in the default network unless it says otherwise", () => {
  assert.deepEqual(merge({}).networks, [{ name: "default", aliases: [] }]);
  assert.deepEqual(merge({ networks: [{ name: "bridge" }] }).networks[0]!.name, "default");
  assert.deepEqual(merge({ networks: [] }).networks, []);
  const twice = { networks: [{ name: "bridge" }, { name: "default" }] };
  assert.throws(() => merge(twice), /network "default" is given twice/);
  const port = { containerPort: 80 };
  assert.throws(() => merge({ networks: [], ports: [port] }), /it has no network/);
});

Deno.test("--publish-all is what the image and --expose say, but for what is published", () => {
  const { ports } = merge({
    publishAll: true,
    ports: [{ containerPort: 80, hostPort: 8080 }],
    exposedPorts: [{ port: 53, protocol: "udp" }],
  }, ["80/tcp", "443/tcp", "nonsense", "99999/tcp"]);
  assert.deepEqual(
    ports.map(({ containerPort, hostPort, protocol }) => [containerPort, hostPort, protocol]),
    [[80, 8080, "tcp"], [443, 0, "tcp"], [53, 0, "udp"]],
  );
});

Deno.test("a record from before there were several networks is read", () => {
  const stored = { process: {}, network: "none" };
  assert.deepEqual(configOf(stored).networks, []);
  assert.deepEqual(configOf({ ...stored, network: "default" }).networks, [
    { name: "default", aliases: [] },
  ]);
  assert.equal(configOf(stored).hostAccess, true);
  assert.equal("network" in configOf(stored), false);
});

Deno.test("a guest is told its interfaces, the first with the way out, and the host's names", async () => {
  const networks = new FakeNetworks();
  const config = {
    ...await stored(),
    networks: [{ name: "default", aliases: [] }, { name: "back", aliases: [] }],
  };
  const endpoints = await joinNetworks(networks, config);
  const { network } = await guestNetwork(config, endpoints, networks);
  assert.deepEqual(
    network.interfaces.map(({ name, gateway4 }) => [name, gateway4]),
    [["eth0", "10.9.0.1"], ["eth1", undefined]],
  );
  assert.deepEqual(network.nameservers, ["127.0.0.11"]);
  const names = ["host.docker.internal", "host.containers.internal", "host.ctr.internal"];
  assert.deepEqual(guestHosts(config, endpoints), [{ address: "10.9.0.254", names }]);
  const gateway = { ...config, addHosts: [{ address: "host-gateway", names: ["me"] }] };
  assert.deepEqual(guestHosts(gateway, endpoints)[0], { address: "10.9.0.254", names: ["me"] });
  assert.throws(() => guestHosts({ ...gateway, hostAccess: false }, endpoints), /no access to/);
});

Deno.test("a port that cannot be published leaves nothing behind", async () => {
  const networks = new FakeNetworks();
  networks.taken = 81;
  const ports = [{ containerPort: 80, hostPort: 80 }, { containerPort: 81, hostPort: 81 }]
    .map((each) => ({ protocol: "tcp" as const, ...each }));
  await assert.rejects(joinNetworks(networks, { ...await stored(), ports }), { code: "conflict" });
  assert.deepEqual([networks.published, networks.endpoints.size], [[], 0]);
});

Deno.test("of a range of the host's ports the first that is free is taken", async () => {
  const networks = new FakeNetworks();
  networks.taken = 8000;
  const port = { protocol: "tcp" as const, containerPort: 80, hostPort: 8000 };
  const config = { ...await stored(), ports: [{ ...port, lastHostPort: 8002 }] };
  await joinNetworks(networks, config);
  assert.deepEqual(networks.published.map(({ hostAddress, hostPort }) => [hostAddress, hostPort]), [
    ["127.0.0.1", 8001],
    ["::1", 8001],
  ]);
  await networks.release(config.id);
  const both = [...config.ports, { ...port, containerPort: 81, lastHostPort: 8000 }];
  await assert.rejects(joinNetworks(networks, { ...config, ports: both }), { code: "conflict" });
  assert.deepEqual(networks.published, []);
});

Deno.test("a port at which nobody listens is told, once it was looked for", async () => {
  const networks = new FakeNetworks();
  networks.silent = 81;
  const ports = [{ containerPort: 80, hostPort: 80 }, { containerPort: 81, hostPort: 81 }]
    .map((each) => ({ protocol: "tcp" as const, ...each }));
  const config = { ...await stored(), ports };
  await joinNetworks(networks, config);
  const { promise, resolve } = Promise.withResolvers<string>();
  using _ = keep();
  new PortProbe({ id: config.id, networks, onSilent: resolve, probesMs: [1, 1] });
  assert.equal(await promise, "81/tcp");
});

Deno.test("networks of a container change while it does not run", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const container = await started(containers, ["sleep"]);
  const back = { connect: { name: "back", aliases: [] } };
  await assert.rejects(container.changeNetworks(back), { code: "invalid-state" });
  await container.stop("KILL", 0);
  await container.changeNetworks(back);
  await assert.rejects(container.changeNetworks(back), { code: "exists" });
  await assert.rejects(container.changeNetworks({ disconnect: "none" }), { code: "not-found" });
  await container.changeNetworks({ disconnect: "default" });
  assert.deepEqual(container.record.config.networks.map(({ name }) => name), ["back"]);
  await assert.rejects(
    containers.create(request(["sleep"], { networks: [{ name: "nowhere" }] })),
    { code: "not-found" },
  );
});

async function stored() {
  await using home = await Home.make();
  const containers = await home.open();
  const { id } = await containers.create(request(["sleep"], { name: "web" }));
  return containers.get(id).record.config;
}

/** The probe's timers keep nothing alive, a test included. */
function keep(): Disposable {
  const timer = setInterval(() => {}, 1000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
