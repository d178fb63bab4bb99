import type { Network } from "../api/mod.ts";
import { type Filters, hasLabel, oneOf } from "./filters.ts";

const BUILT_IN = "default";

/** What `ctr network ls --filter` knows. */
export function networkFilters(): Filters<Network> {
  return {
    name: (each, value) => each.id.includes(value),
    id: (each, value) => each.id.startsWith(value),
    label: (each, value) => hasLabel(each.configuration.labels, value),
    driver: (each, value) =>
      oneOf("driver", value, ["user", "bridge"]) === each.configuration.driver,
    type: (each, value) =>
      (each.id === BUILT_IN) === (oneOf("type", value, ["builtin", "custom"]) === "builtin"),
    dangling: (each, value) =>
      (each.status.usedBy.length === 0) ===
        ["true", "1"].includes(oneOf("dangling", value, ["true", "false", "1", "0"])),
  };
}

/** Docker's names, for templates. */
export function networkFields({ id, configuration, status }: Network): Record<string, unknown> {
  const { labels, options, mode, driver, creationDate, ipv4Subnet, ipv6Subnet } = configuration;
  const range = (subnet: string | undefined, gateway: string | undefined) =>
    subnet === undefined ? [] : [{ Subnet: subnet, Gateway: gateway ?? "" }];
  return {
    ID: id,
    Id: id,
    Name: id,
    Driver: driver,
    Scope: "local",
    Created: creationDate,
    CreatedAt: creationDate,
    Internal: mode === "hostOnly",
    EnableIPv6: ipv6Subnet !== undefined,
    IPv6: String(ipv6Subnet !== undefined),
    Labels: labels,
    Options: options,
    IPAM: {
      Driver: "default",
      Config: [
        ...range(ipv4Subnet, status.ipv4Gateway),
        ...range(ipv6Subnet, status.ipv6Gateway),
      ],
    },
    Containers: Object.fromEntries(status.containers.map((each) => [each.id, {
      Name: each.name,
      MacAddress: each.macAddress,
      IPv4Address: each.addresses.find((address) => !address.includes(":")) ?? "",
      IPv6Address: each.addresses.find((address) => address.includes(":")) ?? "",
    }])),
  };
}
