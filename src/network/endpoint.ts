import { CtrError } from "../core/mod.ts";
import { forwardsPackets } from "../host/mod.ts";
import { parseAddress } from "./cidr.ts";
import { guestTap } from "./kernel_bridge.ts";
import { type AddressPlan, macAt } from "./plan.ts";
import type { Endpoint, EndpointRequest, NetworkConfig } from "./types.ts";

export function withoutPrefix(cidr: string): string {
  return cidr.replace(/\/\d+$/, "");
}

/** The place of the address that is asked for. @throws {CtrError} `usage`. */
export function wantedPlace(
  { ip, ip6 }: EndpointRequest,
  plan: AddressPlan,
  network: string,
): bigint | undefined {
  if (ip !== undefined && parseAddress(ip).family !== 4) {
    throw new CtrError("usage", `cannot use --ip "${ip}": it is not an IPv4 address`);
  }
  if (ip6 !== undefined && parseAddress(ip6).family !== 6) {
    throw new CtrError("usage", `cannot use --ip6 "${ip6}": it is not an IPv6 address`);
  }
  const places = [ip, ip6].flatMap((text) =>
    text === undefined ? [] : [plan.placeOf(text, network)]
  );
  return places[0]?.place;
}

/** What a container gets at its place. */
export function endpointAt(
  request: EndpointRequest,
  config: NetworkConfig,
  plan: AddressPlan,
  place: bigint,
  home: string,
): Endpoint {
  const { name, id } = request.container;
  const gateways = waysOut(request, config, plan);
  const aliases = request.aliases ?? [];
  const plain = [name, ...aliases, id.slice(0, 12)];
  return {
    network: config.name,
    mac: request.mac ?? macAt(config, place),
    addresses: plan.addresses(place, request),
    ...(gateways[0] && { gateway4: gateways[0] }),
    ...(gateways[1] && { gateway6: gateways[1] }),
    nameservers: config.driver === "bridge" ? plan.host() : gateways.flatMap((each) => each ?? []),
    mtu: request.mtu ?? config.mtu,
    names: [...plain, ...plain.flatMap((each) => longNames(each, config.name))],
    host: config.hostAccess && !config.internal ? plan.host() : [],
    ...(config.driver === "bridge" && { tap: guestTap(home, config.name, id) }),
  };
}

/**
 * The gateways of both families. Out of a bridge it is the kernel itself where it may judge and does pass
 * packets on; otherwise netd's own gateway, which carries them by the host's sockets.
 */
function waysOut(
  { egress }: EndpointRequest,
  config: NetworkConfig,
  plan: AddressPlan,
): (string | undefined)[] {
  const judged = config.internal ||
    [config.egress, egress].some((rules) => rules?.default === "deny");
  return ([4, 6] as const).map((family) => {
    const own = plan.gateway(family);
    const kernel = config.driver === "user" || (!judged && forwardsPackets(family));
    return own && (kernel ? withoutPrefix(own) : plan.hostOf(family));
  });
}

function longNames(name: string, network: string): string[] {
  return [`${name}.${network}`, `${name}.test`];
}

/** Its names when the container has another one; aliases and its ID stay. */
export function renamed({ names, network }: Endpoint, from: string, to: string): string[] {
  const before = [from, ...longNames(from, network)];
  const after = [to, ...longNames(to, network)];
  return names.map((name) => after[before.indexOf(name)] ?? name);
}
