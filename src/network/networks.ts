import { join } from "node:path";
import { CtrError, type Log } from "../core/mod.ts";
import { parseAddress } from "./cidr.ts";
import { choosePlace } from "./leases.ts";
import type { Denial, NetdStatus } from "./netd_protocol.ts";
import { AddressPlan, macAt } from "./plan.ts";
import { NetworkProcess } from "./process.ts";
import type { NetworkRecords } from "./records.ts";
import { chooseRanges, hostRanges } from "./subnets.ts";
import type { Egress, Endpoint, EndpointRequest, NetworkConfig, PublishedPort } from "./types.ts";

export const DEFAULT_NETWORK = "default";
/** Tools that know Docker ask for this one. */
const ALIASES: Readonly<Record<string, string>> = { bridge: DEFAULT_NETWORK };
/** The largest that an IP packet allows beside an Ethernet header in one frame of the switch. */
export const MTU = 65_520;
const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;
const RESERVED = new Set(["none", "host", "bridge"]);

export interface CreateNetwork {
  readonly name: string;
  /** CIDR, or `none`. */
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly mtu?: number | undefined;
  readonly internal?: boolean | undefined;
  readonly hostAccess?: boolean | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly egress?: Egress | undefined;
}

export interface NetworksOptions {
  readonly home: string;
  readonly records: NetworkRecords;
  readonly log: Log;
  readonly onDenied?: (network: string, denial: Denial) => void;
}

/** A container that is plugged in, and where. */
interface Plugged {
  readonly network: string;
  readonly place: bigint;
  readonly name: string;
  readonly endpoint: Endpoint;
}

/** The networks of a home. */
export class Networks {
  readonly #options: NetworksOptions;
  readonly #processes = new Map<string, NetworkProcess>();
  /** By network and container. */
  readonly #plugged = new Map<string, Plugged>();

  constructor(options: NetworksOptions) {
    this.#options = options;
  }

  /** The default one is always there. By name. */
  list(): NetworkConfig[] {
    this.#ensureDefault();
    return this.#options.records.all();
  }

  /** @throws {CtrError} `not-found`. */
  get(name: string): NetworkConfig {
    const known = ALIASES[name] ?? name;
    if (known === DEFAULT_NETWORK) this.#ensureDefault();
    const config = this.#options.records.get(known);
    if (config) return config;
    throw new CtrError("not-found", `cannot find network "${name}": there is none of that name`, {
      hint: `make it with: ctr network create ${name}`,
    });
  }

  /** @throws {CtrError} `usage`, `exists`, `conflict` for a range that another has. */
  create(request: CreateNetwork): NetworkConfig {
    const { name, labels = {}, options = {} } = request;
    if (!NAME.test(name)) {
      throw new CtrError(
        "usage",
        `cannot make network "${name}": want 1 to 63 lower-case letters, digits, dots, dashes and ` +
          "underscores, a letter or digit at both ends",
      );
    }
    if (RESERVED.has(name)) {
      throw new CtrError("usage", `cannot make network "${name}": the name has a meaning already`);
    }
    this.#ensureDefault();
    if (this.#options.records.get(name)) {
      throw new CtrError("exists", `cannot make network "${name}": there is one of that name`);
    }
    const mtu = request.mtu ?? MTU;
    if (!Number.isInteger(mtu) || mtu < 1280 || mtu > 65_535) {
      throw new CtrError(
        "usage",
        `cannot make network "${name}": an MTU of ${mtu}, want 1280 to 65535`,
      );
    }
    return this.#insert({ ...request, mtu, labels, options });
  }

  #insert(
    request: CreateNetwork & Pick<NetworkConfig, "mtu" | "labels" | "options">,
  ): NetworkConfig {
    const { name, mtu, labels, options, egress } = request;
    const config: NetworkConfig = {
      name,
      createdAt: new Date().toISOString(),
      driver: "user",
      ...chooseRanges(request, this.#options.records.all(), hostRanges()),
      mtu,
      internal: request.internal ?? false,
      hostAccess: request.hostAccess ?? true,
      labels,
      options,
      ...(egress && { egress }),
    };
    this.#options.records.insert(config);
    return config;
  }

  #ensureDefault(): void {
    if (this.#options.records.get(DEFAULT_NETWORK)) return;
    const labels = { "com.apple.container.resource.role": "builtin" };
    this.#insert({ name: DEFAULT_NETWORK, mtu: MTU, labels, options: {} });
  }

  /** @throws {CtrError} `invalid-state` while a container runs in it, or for the default one. */
  async remove(name: string): Promise<void> {
    const config = this.get(name);
    if (config.name === DEFAULT_NETWORK) {
      throw new CtrError("invalid-state", `cannot remove network "${name}": it is built in`);
    }
    const user = [...this.#plugged.values()].find(({ network }) => network === config.name);
    if (user) {
      throw new CtrError(
        "invalid-state",
        `cannot remove network "${name}": "${user.name}" is in it`,
      );
    }
    await this.#processes.get(config.name)?.stop();
    this.#processes.delete(config.name);
    this.#options.records.delete(config.name);
    await removeFolder(this.#folder(config.name));
  }

  /**
   * Chooses a container's place in a network and makes sure that the network runs. The place is the
   * container's until `release()`.
   *
   * @throws {CtrError} `not-found`, `usage` for an address outside, `conflict` for one that is taken.
   */
  async attach(request: EndpointRequest): Promise<Endpoint> {
    const config = this.get(request.network);
    const running = this.process(config.name).ready();
    running.catch(() => {}); // awaited below
    const plan = new AddressPlan(config);
    const key = keyOf(config.name, request.container.id);
    const held = new Map(
      [...this.#plugged].filter(([other, each]) => other !== key && each.network === config.name)
        .map(([, { place, name }]) => [place, name]),
    );
    const wanted = wantedPlace(request, plan, config.name);
    const { name } = request.container;
    const leases = this.#options.records.leases(config.name);
    const place = choosePlace({ network: config.name, name, wanted }, plan, leases, held);
    const own = leases.find((lease) => lease.name === name);
    if (own?.place !== place) this.#options.records.lease(config.name, name, place);
    const endpoint = endpointAt(request, config, plan, place);
    this.#plugged.set(key, { network: config.name, place, name, endpoint });
    try {
      await running;
    } catch (error) {
      this.#plugged.delete(key);
      throw error;
    }
    return endpoint;
  }

  /** Connects a VM's wire. @param socket That its monitor listens at. */
  async plug(
    endpoint: Endpoint,
    guest: {
      readonly id: string;
      readonly socket: string;
      readonly datagram?: boolean;
      readonly egress?: Egress | undefined;
    },
  ): Promise<void> {
    await this.process(endpoint.network).plug({
      id: guest.id,
      mac: endpoint.mac,
      addresses: endpoint.addresses.map(withoutPrefix),
      socket: guest.socket,
      ...(guest.datagram && { datagram: true }),
      names: endpoint.names,
      ...(guest.egress && { egress: { ...guest.egress, allow: [...guest.egress.allow] } }),
    });
  }

  /**
   * Publishes a port of a container that is plugged in.
   *
   * @returns Where it listens.
   * @throws {CtrError} `conflict` if the port is taken, naming the container of ours that has it;
   * `denied` for a port that needs rights.
   */
  async publish(endpoint: Endpoint, containerId: string, port: PublishedPort): Promise<string> {
    const { protocol, hostAddress, hostPort, containerPort, proxyProtocol } = port;
    const host = hostAddress.includes(":") ? `[${hostAddress}]` : hostAddress;
    const six = hostAddress.includes(":");
    const guest = endpoint.addresses.map(withoutPrefix)
      .toSorted((a) => a.includes(":") === six ? -1 : 1)[0]!;
    const bracketed = guest.includes(":") ? `[${guest}]` : guest;
    try {
      return await this.process(endpoint.network).publish({
        id: `${containerId}/${host}:${hostPort}/${containerPort}/${protocol}`,
        network: protocol,
        host: `${host}:${hostPort}`,
        guest: `${bracketed}:${containerPort}`,
        ...(proxyProtocol && { proxyProtocol }),
      });
    } catch (error) {
      throw this.#publishError(error, port);
    }
  }

  #publishError(error: unknown, { hostAddress, hostPort, protocol }: PublishedPort): unknown {
    if (!(error instanceof CtrError)) return error;
    const what = `cannot publish port ${hostPort}/${protocol} at ${hostAddress}`;
    if (error.code === "conflict") {
      const holder = this.#holderOf(hostPort, protocol);
      const who = holder ? `container "${holder}" has it` : "another program has it";
      return new CtrError("conflict", `${what}: ${who}`, { cause: error });
    }
    if (error.code === "denied") {
      return new CtrError("denied", `${what}: ports below 1024 need rights that you do not have`, {
        hint: "publish a port above 1023, or lower net.ipv4.ip_unprivileged_port_start",
        cause: error,
      });
    }
    return new CtrError(error.code, `${what}: ${error.message}`, { cause: error });
  }

  #holderOf(hostPort: number, protocol: string): string | undefined {
    for (const [network, process] of this.#processes) {
      const port = process.published().find((each) =>
        each.network === protocol && each.host.endsWith(`:${hostPort}`)
      );
      const id = port?.id.split("/")[0];
      if (id) return this.#plugged.get(keyOf(network, id))?.name;
    }
    return undefined;
  }

  /** A container has stopped: its names, ports and wires go; its lease stays. */
  async release(containerId: string): Promise<void> {
    for (const [key, { network }] of [...this.#plugged]) {
      if (key !== keyOf(network, containerId)) continue;
      this.#plugged.delete(key);
      await this.#processes.get(network)?.unplug(containerId);
    }
  }

  /** A running container has another name. */
  async rename(containerId: string, from: string, to: string): Promise<void> {
    this.#options.records.renameLeases(from, to);
    for (const [key, plugged] of [...this.#plugged]) {
      if (key !== keyOf(plugged.network, containerId)) continue;
      const names = plugged.endpoint.names.map((name) => name === from ? to : name);
      this.#plugged.set(key, { ...plugged, name: to, endpoint: { ...plugged.endpoint, names } });
      await this.process(plugged.network).rename(containerId, names);
    }
  }

  /** A VM of an earlier engine lives: it holds its place. */
  adopt(request: EndpointRequest, endpoint: Endpoint): void {
    const { container } = request;
    const plan = new AddressPlan(this.get(endpoint.network));
    const { place } = plan.placeOf(withoutPrefix(endpoint.addresses[0]!), endpoint.network);
    this.#plugged.set(keyOf(endpoint.network, container.id), {
      network: endpoint.network,
      place,
      name: container.name,
      endpoint,
    });
  }

  /** Who is in a network now. */
  members(
    network: string,
  ): { readonly id: string; readonly name: string; readonly endpoint: Endpoint }[] {
    return [...this.#plugged].filter(([, each]) => each.network === network)
      .map(([key, { name, endpoint }]) => ({ id: key.split("\n")[1]!, name, endpoint }));
  }

  /** What its process counts; undefined while it does not run. */
  async status(network: string): Promise<NetdStatus | undefined> {
    const process = this.#processes.get(network);
    if (process?.pid === undefined) return undefined;
    return await (await process.ready()).status();
  }

  /** Ends the processes that no container needs. */
  async stopUnused(): Promise<void> {
    for (const process of this.#processes.values()) {
      if (process.users === 0) await process.stop();
    }
  }

  /** Lets go of all, for an engine that ends while they live on. */
  releaseAll(): void {
    for (const process of this.#processes.values()) process.release();
  }

  /** The process of a network, started when it is asked for. */
  process(network: string): NetworkProcess {
    const found = this.#processes.get(network);
    if (found) return found;
    const made = new NetworkProcess({
      folder: this.#folder(network),
      config: this.get(network),
      log: this.#options.log,
      onDenied: (denial) => this.#options.onDenied?.(network, denial),
    });
    this.#processes.set(network, made);
    return made;
  }

  #folder(network: string): string {
    return join(this.#options.home, "networks", network);
  }
}

function keyOf(network: string, containerId: string): string {
  return `${network}\n${containerId}`;
}

function withoutPrefix(cidr: string): string {
  return cidr.replace(/\/\d+$/, "");
}

function wantedPlace(
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

function endpointAt(
  request: EndpointRequest,
  config: NetworkConfig,
  plan: AddressPlan,
  place: bigint,
): Endpoint {
  const { name, id } = request.container;
  const gateways = [plan.gateway(4), plan.gateway(6)].map((each) => each && withoutPrefix(each));
  const aliases = request.aliases ?? [];
  const plain = [name, ...aliases, id.slice(0, 12)];
  return {
    network: config.name,
    mac: request.mac ?? macAt(config, place),
    addresses: plan.addresses(place, request),
    ...(gateways[0] && { gateway4: gateways[0] }),
    ...(gateways[1] && { gateway6: gateways[1] }),
    nameservers: gateways.flatMap((each) => each ?? []),
    mtu: request.mtu ?? config.mtu,
    names: [...plain, ...plain.flatMap((each) => [`${each}.${config.name}`, `${each}.test`])],
    host: config.hostAccess && !config.internal ? plan.host() : [],
  };
}

async function removeFolder(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}
