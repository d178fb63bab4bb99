import { CtrError } from "../../core/mod.ts";
import {
  type Endpoint,
  guestInterfaces,
  HOST_GATEWAY,
  HOST_NAMES,
  RESOLVER,
} from "../../network/mod.ts";
import type { StartContainer } from "../../vm/mod.ts";
import type { ContainerConfig } from "../types.ts";
import type { NetworkStore } from "./join.ts";

/** Interfaces `eth0` and on, the first with the default route, and what is in `/etc/resolv.conf`. */
export async function guestNetwork(
  { dns }: Pick<ContainerConfig, "dns">,
  endpoints: readonly Endpoint[],
  networks: Pick<NetworkStore, "searchDomains">,
): Promise<Pick<StartContainer, "network">> {
  const given = dns?.nameservers ?? [];
  const own = endpoints.length > 0;
  const search = dns?.search.length || !own ? dns?.search ?? [] : await networks.searchDomains();
  return {
    network: {
      interfaces: guestInterfaces(endpoints),
      nameservers: given.length > 0 || !own ? given : [RESOLVER],
      search,
      options: dns?.options ?? [],
      domain: dns?.domain ?? "",
      keepResolvConf: dns?.keep ?? false,
    },
  };
}

/**
 * Further lines of `/etc/hosts`.
 *
 * @throws {CtrError} `usage` for the host's address where there is no way to it.
 */
export function guestHosts(
  { name, addHosts, hostAccess }: Pick<ContainerConfig, "name" | "addHosts" | "hostAccess">,
  endpoints: readonly Endpoint[],
): StartContainer["hosts"] {
  const host = hostAccess ? endpoints.find((each) => each.host.length > 0)?.host[0] : undefined;
  const given = addHosts.map((each) => {
    if (each.address !== HOST_GATEWAY) return each;
    if (host !== undefined) return { ...each, address: host };
    throw new CtrError("usage", `cannot start "${name}": it has no access to the host`, {
      hint: `leave out --add-host …:${HOST_GATEWAY}`,
    });
  });
  return host === undefined ? given : [...given, { address: host, names: HOST_NAMES }];
}
