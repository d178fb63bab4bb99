import {
  ConnectRequest,
  CreateDomainRequest,
  CreateNetworkRequest,
  DisconnectRequest,
  type DnsAnswer,
  type PortState,
  PruneNetworksRequest,
} from "../api/mod.ts";
import type { Containers } from "../container/mod.ts";
import type { Networks } from "../network/mod.ts";
import { describeNetwork } from "./describe_network.ts";
import { pruneNetworks } from "./prune_networks.ts";
import type { HostDomains } from "./host_domains.ts";
import { type Route, route } from "./router.ts";

export interface NetworkParts {
  readonly networks: Networks;
  readonly containers: Containers;
  readonly domains: HostDomains;
  /** Names of the containers that refer to a network. */
  readonly references: (network: string) => string[];
}

/** `/networks`, `/dns`, and a container's ports. */
export function networkRoutes(parts: NetworkParts): Route[] {
  const { networks, containers, domains, references } = parts;
  const describe = (name: string) => describeNetwork(networks, name, references(name));
  return [
    route("GET /networks", async (call) => {
      call.json(await Promise.all(networks.list().map(({ name }) => describe(name))));
    }),
    route("POST /networks", async (call) => {
      const { ipv4Subnet, ipv6Subnet, ...request } = await call.body(CreateNetworkRequest);
      const { name } = networks.create({ ...request, ipv4: ipv4Subnet, ipv6: ipv6Subnet });
      call.json(await describe(name), 201);
    }),
    route("POST /networks/prune", async (call) => {
      const { filters } = await call.body(PruneNetworksRequest);
      call.json({ removed: await pruneNetworks(networks, references, filters) });
    }),
    route("GET /networks/:name", async (call) => {
      call.json(await describe(networks.get(call.ref).name));
    }),
    route("DELETE /networks/:name", async (call) => {
      await networks.remove(call.ref);
      call.nothing();
    }),
    route("POST /networks/:name/connect", async (call) => {
      const { container, ...asked } = await call.body(ConnectRequest);
      await containers.get(container).changeNetworks({ connect: { name: call.ref, ...asked } });
      call.nothing();
    }),
    route("POST /networks/:name/disconnect", async (call) => {
      const { container } = await call.body(DisconnectRequest);
      await containers.get(container).changeNetworks({ disconnect: call.ref });
      call.nothing();
    }),
    route("GET /dns", async (call) => {
      const name = call.query.get("name") ?? "";
      call.json(await ask(networks, name, call.query.get("network") ?? undefined));
    }),
    route("GET /domains", (call) => {
      call.json({ domains: domains.list(), port: domains.port });
    }),
    route("POST /domains", async (call) => {
      await domains.create((await call.body(CreateDomainRequest)).name);
      call.nothing();
    }),
    route("DELETE /domains/:name", async (call) => {
      await domains.delete(call.ref);
      call.nothing();
    }),
    route("GET /containers/:ref/ports", async (call) => {
      const container = containers.get(call.ref);
      await container.runningVm();
      const ports = networks.publishedOf(container.record.config.id);
      const states = ports.map(async (port): Promise<PortState> => {
        const { protocol, hostAddress, hostPort, containerPort } = port;
        const listening = await networks.listening(port);
        return { protocol, hostAddress, hostPort, containerPort, listening };
      });
      call.json(await Promise.all(states));
    }),
  ];
}

async function ask(
  networks: Networks,
  name: string,
  network: string | undefined,
): Promise<DnsAnswer> {
  const asked = network === undefined ? networks.list() : [networks.get(network)];
  const answers = await Promise.all(asked.map(async (each) => ({
    network: each.name,
    addresses: await networks.ask(each.name, name),
  })));
  return { answers: answers.filter(({ addresses }) => addresses.length > 0) };
}
