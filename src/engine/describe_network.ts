import type { Network } from "../api/mod.ts";
import { AddressPlan, type NetdStatus, type Networks } from "../network/mod.ts";

/** A network as `ls` and `inspect` show it. @param usedBy Names of containers. */
export async function describeNetwork(
  networks: Networks,
  name: string,
  usedBy: readonly string[],
): Promise<Network> {
  const config = networks.get(name);
  const { driver, ipv4, ipv6, egress, internal, hostAccess, mtu, labels, options, createdAt } =
    config;
  const running = await networks.status(name);
  const plan = new AddressPlan(config);
  const gateway = (family: 4 | 6) => plan.gateway(family)?.replace(/\/\d+$/, "");
  const [gateway4, gateway6] = [gateway(4), gateway(6)];
  return {
    id: name,
    configuration: {
      name,
      creationDate: createdAt,
      driver,
      mode: internal ? "hostOnly" : "nat",
      ...(ipv4 && { ipv4Subnet: ipv4 }),
      ...(ipv6 && { ipv6Subnet: ipv6 }),
      mtu,
      hostAccess: hostAccess && !internal,
      ...(egress && { egress: { ...egress, allow: [...egress.allow] } }),
      labels: { ...labels },
      options: { ...options },
    },
    status: {
      ...(ipv4 && { ipv4Subnet: ipv4 }),
      ...(gateway4 && { ipv4Gateway: gateway4 }),
      ...(ipv6 && { ipv6Subnet: ipv6 }),
      ...(gateway6 && { ipv6Gateway: gateway6 }),
      ...(running && { pid: running.pid }),
      containers: networks.members(name).map(({ id, name, endpoint }) => ({
        id,
        name,
        addresses: [...endpoint.addresses],
        macAddress: endpoint.mac,
      })),
      usedBy: [...usedBy],
      denials: (running?.denials ?? []).map(({ lastMs, ...denial }) => ({
        ...denial,
        lastAt: new Date(lastMs).toISOString(),
      })),
      dropped: dropped(running),
    },
  };
}

function dropped(running: NetdStatus | undefined) {
  const sum = (of: "malformed" | "spoofed" | "flooded" | "overrun") =>
    (running?.ports ?? []).reduce((total, port) => total + port[of], 0);
  return {
    malformed: sum("malformed"),
    spoofed: sum("spoofed"),
    flooded: sum("flooded"),
    overrun: sum("overrun"),
  };
}
