import { join } from "node:path";
import { CtrError, type Log } from "../core/mod.ts";
import { NetworkCatalog } from "./catalog.ts";
import { type CreateNetwork, DEFAULT_NETWORK } from "./create_network.ts";
import { endpointAt, renamed, wantedPlace } from "./endpoint.ts";
import { HostResolver } from "./host_resolver.ts";
import { choosePlace } from "./leases.ts";
import type { Denial, NetdStatus } from "./netd_protocol.ts";
import { AddressPlan } from "./plan.ts";
import { NetworkProcess } from "./process.ts";
import { portOf } from "./port.ts";
import type { NetworkRecords } from "./records.ts";
import {
  byContainerPort,
  publishAddresses,
  publishedAt,
  publishError,
  publishRequest,
} from "./publish.ts";
import { findStrangers, leftBridges, removeFolder, type Stranger } from "./strangers.ts";
import type {
  Endpoint,
  EndpointRequest,
  NetworkConfig,
  PluggedGuest,
  PublishedAt,
  PublishedPort,
} from "./types.ts";

export interface NetworksOptions {
  readonly home: string;
  readonly records: NetworkRecords;
  readonly log: Log;
  readonly onDenied?: (network: string, denial: Denial) => void;
  /** Names the host's name servers. Default `/etc/resolv.conf`. */
  readonly resolvConf?: string | undefined;
  /** Where ports are published that name no address. Default `localhost`. */
  readonly publishAddress?: string | undefined;
  /** Ranges of the default network, when it is made. */
  readonly ranges?: Pick<CreateNetwork, "ipv4" | "ipv6"> | undefined;
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
  readonly #catalog: NetworkCatalog;
  readonly #processes = new Map<string, NetworkProcess>();
  /** By network and container. */
  readonly #plugged = new Map<string, Plugged>();
  /** What an earlier engine left, as it was found. */
  readonly #found = new Map<string, NetdStatus>();
  readonly #resolver: HostResolver;

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#catalog = new NetworkCatalog(options.records, options.ranges);
    this.#resolver = new HostResolver(options.resolvConf);
  }

  /** The default one is always there. By name. */
  list(): NetworkConfig[] {
    return this.#catalog.list();
  }

  /** @throws {CtrError} `not-found`. */
  get(name: string): NetworkConfig {
    return this.#catalog.get(name);
  }

  /** @throws {CtrError} `usage`, `exists`, `conflict` for a range that another has. */
  create(request: CreateNetwork): NetworkConfig {
    return this.#catalog.create(request);
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
    const endpoint = endpointAt(request, config, plan, place, this.#options.home);
    this.#plugged.set(key, { network: config.name, place, name, endpoint });
    try {
      await running;
    } catch (error) {
      this.#plugged.delete(key);
      throw error;
    }
    return endpoint;
  }

  /** Connects a VM's wire. */
  async plug(endpoint: Endpoint, guest: PluggedGuest): Promise<void> {
    await this.process(endpoint.network).plug(portOf(endpoint, guest));
  }

  /**
   * Publishes a port of a container that is plugged in, or is about to be.
   *
   * @returns Where it listens, and the ID to unpublish it by.
   * @throws {CtrError} `conflict` if the port is taken, naming the container of ours that has it;
   * `denied` for a port that needs rights; `usage` for an address that this host does not have.
   */
  async publish(
    endpoint: Endpoint,
    containerId: string,
    port: PublishedPort,
  ): Promise<{ readonly id: string; readonly hostPort: number }> {
    const request = publishRequest(endpoint, containerId, port);
    try {
      const at = await this.process(endpoint.network).publish(request);
      return { id: request.id, hostPort: Number(at.slice(at.lastIndexOf(":") + 1)) };
    } catch (error) {
      throw publishError(error, port, () => this.#holderOf(port.hostPort, port.protocol));
    }
  }

  async unpublish(endpoint: Endpoint, id: string): Promise<void> {
    await this.process(endpoint.network).unpublish(id);
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

  /** The addresses of the host that are meant by one that was asked for, or by none. */
  publishAddresses(asked: string | undefined): readonly string[] {
    return publishAddresses(asked ?? this.#options.publishAddress ?? "localhost");
  }

  /** The host's search domains. */
  searchDomains(): Promise<readonly string[]> {
    return this.#resolver.searchDomains();
  }

  /** The places of a container that runs, in no order. */
  endpointsOf(containerId: string): Endpoint[] {
    return [...this.#plugged].filter(([key, { network }]) => key === keyOf(network, containerId))
      .map(([, { endpoint }]) => endpoint);
  }

  /** Where the host listens for a container. */
  publishedOf(containerId: string): PublishedAt[] {
    return [...this.#processes].flatMap(([network, process]) =>
      process.published().filter(({ id }) => id.startsWith(`${containerId}/`))
        .map((port) => publishedAt(network, port))
    ).sort(byContainerPort);
  }

  /** Whether somebody in the guest listens. */
  async listening({ network, id }: PublishedAt): Promise<boolean> {
    return await (await this.process(network).ready()).listening(id);
  }

  /** Addresses of a name, as the guests of a network are told. */
  async ask(network: string, name: string): Promise<string[]> {
    const process = this.#processes.get(this.get(network).name);
    if (process?.pid === undefined) return [];
    return await (await process.ready()).ask(name);
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
      const names = renamed(plugged.endpoint, from, to);
      this.#plugged.set(key, { ...plugged, name: to, endpoint: { ...plugged.endpoint, names } });
      await this.process(plugged.network).rename(containerId, names);
    }
  }

  /** Finds the processes that an earlier engine left, and ends those of networks that are gone. */
  async findProcesses(): Promise<void> {
    const names = this.list().map(({ name }) => name);
    await Promise.all(names.map(async (name) => {
      const status = await this.process(name).adopt();
      if (status) this.#found.set(name, status);
    }));
    for (const stranger of await findStrangers(this.#folder(""), names)) await stranger.end();
  }

  /**
   * A VM of an earlier engine lives on: its place again, at a process that may have ended meanwhile.
   *
   * @returns `known`: the process has its ports of the host.
   * @throws {CtrError} as `attach()`.
   */
  async rejoin(
    request: EndpointRequest,
    guest: PluggedGuest,
  ): Promise<{ readonly endpoint: Endpoint; readonly known: boolean }> {
    const endpoint = await this.attach(request);
    const { network } = endpoint;
    const found = this.#found.get(network);
    const process = this.process(network);
    const known = found?.ports.some(({ id, mac }) => id === guest.id && mac === endpoint.mac) ??
      false;
    if (!known) await process.plug(portOf(endpoint, guest));
    else {
      process.know(portOf(endpoint, guest));
      for (const port of found!.published) {
        if (port.id.startsWith(`${guest.id}/`)) process.knowPublished(port);
      }
    }
    return { endpoint, known };
  }

  /** Once every container was asked for: what the processes still have of others goes. */
  async forgetStrangers(): Promise<void> {
    for (const [network, status] of this.#found) {
      const client = await this.process(network).ready();
      const gone = (id: string) => !this.#plugged.has(keyOf(network, id));
      for (const { id } of status.published) {
        if (gone(id.split("/")[0]!)) await client.unpublish(id);
      }
      for (const { id } of status.ports) if (gone(id)) await client.removePort(id);
    }
    this.#found.clear();
    for (const { end } of this.#leftBridges()) await end();
  }

  /** What no network has. */
  async problems(): Promise<{ readonly text: string; readonly repair: () => Promise<void> }[]> {
    const names = this.#options.records.all().map(({ name }) => name);
    return [...await findStrangers(this.#folder(""), names), ...this.#leftBridges()]
      .map(({ text, end }) => ({ text, repair: end }));
  }

  #leftBridges(): Stranger[] {
    const running = [...this.#processes].filter(([, { pid }]) => pid !== undefined);
    return leftBridges(this.#options.home, running.map(([name]) => name));
  }

  /** Who is in a network now. */
  members(
    network: string,
  ): { readonly id: string; readonly name: string; readonly endpoint: Endpoint }[] {
    return [...this.#plugged].filter(([, each]) => each.network === network)
      .map(([key, { name, endpoint }]) => ({ id: key.split("\n")[1]!, name, endpoint }));
  }

  /** What its process counts; undefined while it does not run. */
  async status(network: string): Promise<NetdStatus & { readonly pid: number } | undefined> {
    const process = this.#processes.get(network);
    const pid = process?.pid;
    if (pid === undefined) return undefined;
    return { ...await (await process!.ready()).status(), pid };
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
      home: this.#options.home,
      folder: this.#folder(network),
      config: this.get(network),
      log: this.#options.log,
      onDenied: (denial) => this.#options.onDenied?.(network, denial),
      resolvConf: this.#resolver.path,
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
