import { CtrError } from "../core/mod.ts";
import {
  ALIASES,
  checkCreate,
  type CreateNetwork,
  DEFAULT_NETWORK,
  MTU,
} from "./create_network.ts";
import { BRIDGE_MTU, checkBridge } from "./kernel_bridge.ts";
import type { NetworkRecords } from "./records.ts";
import { chooseRanges, hostRanges } from "./subnets.ts";
import type { NetworkConfig } from "./types.ts";

/** Which networks there are. */
export class NetworkCatalog {
  readonly #records: NetworkRecords;
  readonly #ranges: Pick<CreateNetwork, "ipv4" | "ipv6"> | undefined;

  /** @param ranges Of the default network, when it is made. */
  constructor(records: NetworkRecords, ranges?: Pick<CreateNetwork, "ipv4" | "ipv6">) {
    this.#records = records;
    this.#ranges = ranges;
  }

  /** The default one is always there. By name. */
  list(): NetworkConfig[] {
    this.#ensureDefault();
    return this.#records.all();
  }

  /** @throws {CtrError} `not-found`. */
  get(name: string): NetworkConfig {
    const known = ALIASES[name] ?? name;
    if (known === DEFAULT_NETWORK) this.#ensureDefault();
    const config = this.#records.get(known);
    if (config) return config;
    throw new CtrError("not-found", `cannot find network "${name}": there is none of that name`, {
      hint: `make it with: ctr network create ${name}`,
    });
  }

  /** @throws {CtrError} `usage`, `exists`, `conflict` for a range that another has; `unsupported` for a bridge. */
  create(request: CreateNetwork): NetworkConfig {
    const { name, labels = {}, options = {} } = request;
    checkCreate(request);
    this.#ensureDefault();
    if (this.#records.get(name)) {
      throw new CtrError("exists", `cannot make network "${name}": there is one of that name`);
    }
    if (request.driver === "bridge") checkBridge(name);
    const mtu = request.driver === "bridge" ? BRIDGE_MTU : MTU;
    return this.#insert({ ...request, mtu: request.mtu ?? mtu, labels, options });
  }

  #insert(
    request: CreateNetwork & Pick<NetworkConfig, "mtu" | "labels" | "options">,
  ): NetworkConfig {
    const { name, mtu, labels, options, egress } = request;
    const config: NetworkConfig = {
      name,
      createdAt: new Date().toISOString(),
      driver: request.driver ?? "user",
      ...chooseRanges(request, this.#records.all(), hostRanges()),
      mtu,
      internal: request.internal ?? false,
      hostAccess: request.hostAccess ?? true,
      labels,
      options,
      ...(egress && { egress }),
    };
    this.#records.insert(config);
    return config;
  }

  #ensureDefault(): void {
    if (this.#records.get(DEFAULT_NETWORK)) return;
    const labels = { "com.apple.container.resource.role": "builtin" };
    this.#insert({ ...this.#ranges, name: DEFAULT_NETWORK, mtu: MTU, labels, options: {} });
  }
}
