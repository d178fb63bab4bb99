import { join } from "node:path";
import { CtrError, type Log, writeFileAtomic } from "../core/mod.ts";
import {
  type Daemon,
  daemonGone,
  findDaemon,
  killDaemon,
  startDaemon,
  systemPath,
} from "../host/mod.ts";
import {
  bridgeName,
  bridgeOf,
  bridgesOfHome,
  checkBridge,
  removeBridges,
} from "./kernel_bridge.ts";
import { NetdClient } from "./netd_client.ts";
import { netdProgram } from "./netd_program.ts";
import type { Denial, NetdPort, NetdPublished, NetdStatus } from "./netd_protocol.ts";
import { AddressPlan } from "./plan.ts";
import type { NetworkConfig } from "./types.ts";

const DAEMON = "netd";
const SOCKET = "netd.sock";
const START_MS = 10_000;
const END_MS = 5000;
/** A process that ends again and again is not started faster than this. */
const RESTART_MS = [0, 100, 500, 1000] as const;

export interface ProcessParts {
  /** The network's own. */
  readonly folder: string;
  /** It is in the names of what the kernel keeps for a bridge. */
  readonly home: string;
  readonly config: NetworkConfig;
  readonly log: Log;
  readonly onDenied: (denial: Denial) => void;
  /** Names the host's name servers. */
  readonly resolvConf: string;
}

/**
 * One network's process: found if it lives, started when it is needed, and started again when it ends
 * by itself, with every port and publication that it had.
 */
export class NetworkProcess {
  readonly #parts: ProcessParts;
  readonly #ports = new Map<string, NetdPort>();
  readonly #published = new Map<string, NetdPublished>();
  #client: Promise<NetdClient> | undefined;
  #daemon: Daemon | undefined;
  #released = false;

  constructor(parts: ProcessParts) {
    this.#parts = parts;
  }

  /** Guests that are plugged in. */
  get users(): number {
    return this.#ports.size;
  }

  /** Of the process, while it is known to live. */
  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  /**
   * Joins what an earlier engine left.
   *
   * @returns Its ports; undefined if nothing lives.
   */
  async adopt(): Promise<NetdStatus | undefined> {
    const daemon = await findDaemon(this.#parts.folder, DAEMON);
    if (!daemon) return undefined;
    try {
      this.#client = this.#connect(daemon);
      return await (await this.#client).status();
    } catch {
      this.#client = undefined;
      await killDaemon(daemon, END_MS);
      return undefined;
    }
  }

  /** Takes over a port that the process has already. */
  know(port: NetdPort): void {
    this.#ports.set(port.id, port);
  }

  knowPublished(port: NetdPublished): void {
    this.#published.set(port.id, port);
  }

  /** Resolves when it runs. */
  async ready(): Promise<NetdClient> {
    this.#client ??= this.#start();
    try {
      return await this.#client;
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
  }

  async plug(port: NetdPort): Promise<void> {
    const client = await this.ready();
    await client.removePort(port.id); // of a start before
    await client.addPort(port);
    this.#ports.set(port.id, port);
  }

  async unplug(id: string): Promise<void> {
    for (const key of [...this.#published.keys()]) {
      if (key.startsWith(`${id}/`)) await this.unpublish(key);
    }
    if (!this.#ports.delete(id)) return;
    await (await this.#client)?.removePort(id).catch(() => {}); // one that has ended has no ports
  }

  /** @returns Where it listens. */
  async publish(port: NetdPublished): Promise<string> {
    const host = await (await this.ready()).publish(port);
    this.#published.set(port.id, { ...port, host }); // the same port after the process was lost
    return host;
  }

  async unpublish(id: string): Promise<void> {
    if (!this.#published.delete(id)) return;
    await (await this.#client)?.unpublish(id).catch(() => {});
  }

  published(): readonly NetdPublished[] {
    return [...this.#published.values()];
  }

  async rename(id: string, names: readonly string[]): Promise<void> {
    const port = this.#ports.get(id);
    if (!port) return;
    this.#ports.set(id, { ...port, names });
    await (await this.ready()).setNames(id, names);
  }

  /** Ends it, and leaves nothing of it. */
  async stop(): Promise<void> {
    this.#released = true;
    const client = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    await client?.shutdown().catch(() => {});
    client?.close();
    const daemon = this.#daemon ?? await findDaemon(this.#parts.folder, DAEMON);
    if (daemon) {
      await daemonGone(daemon, END_MS).catch(() => killDaemon(daemon, END_MS));
    }
    this.#daemon = undefined;
    await this.#removeBridge();
    await clear(this.#parts.folder);
    this.#released = false;
  }

  /** A process that was killed has left it. */
  async #removeBridge(): Promise<void> {
    const { config, home } = this.#parts;
    const name = bridgeName(home, config.name);
    if (config.driver !== "bridge" || !bridgesOfHome(home).includes(name)) return;
    await removeBridges([name]);
  }

  /** Lets go of it, for an engine that ends while it lives on. */
  release(): void {
    this.#released = true;
    this.#client?.then((client) => client.close(), () => {});
    this.#daemon?.unref?.();
  }

  async #start(): Promise<NetdClient> {
    const { folder, config, resolvConf, home } = this.#parts;
    const found = await findDaemon(folder, DAEMON);
    if (found) return await this.#connect(found);
    if (config.driver === "bridge") checkBridge(config.name);
    const command = await netdProgram();
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    await clear(folder);
    await writeFileAtomic(
      join(folder, "netd.json"),
      JSON.stringify(netdConfig(config, resolvConf, home)),
    );
    const daemon = await startDaemon({
      folder,
      name: DAEMON,
      command,
      args: ["netd.json", SOCKET],
      env: { PATH: systemPath(), GOGC: "50" },
    });
    return await this.#connect(daemon);
  }

  async #connect(daemon: Daemon): Promise<NetdClient> {
    const { folder, onDenied } = this.#parts;
    const ended = daemon.status?.then(async () => {
      const words = await Deno.readTextFile(join(folder, `${DAEMON}.log`)).catch(() => "");
      const last = words.trim().split("\n").at(-1)?.replace(/^error: /, "") || "it said nothing";
      throw new CtrError(
        "unavailable",
        `cannot start network "${this.#parts.config.name}": ${last}`,
      );
    });
    const connecting = NetdClient.connect(join(folder, SOCKET), { deadlineMs: START_MS, onDenied });
    connecting.catch(() => {}); // the other tells
    const client = await (ended ? Promise.race([connecting, ended]) : connecting);
    ended?.catch(() => {});
    this.#daemon = daemon;
    client.closed.then(() => this.#lost(daemon));
    return client;
  }

  /** It has ended by itself: its guests wait for it. */
  async #lost(daemon: Daemon): Promise<void> {
    if (this.#released || this.#daemon !== daemon) return;
    this.#daemon = undefined;
    this.#parts.log.warn("a network's process has ended", { network: this.#parts.config.name });
    await killDaemon(daemon, END_MS).catch(() => {});
    if (this.#ports.size === 0) {
      this.#client = undefined;
      return;
    }
    this.#client = this.#restart();
    await this.#client.catch((error) => {
      this.#client = undefined;
      this.#parts.log.error("restart a network", { network: this.#parts.config.name, error });
    });
  }

  async #restart(): Promise<NetdClient> {
    for (let attempt = 0;; attempt++) {
      const pauseMs = RESTART_MS[attempt];
      if (pauseMs === undefined) throw new CtrError("unavailable", "it ended again and again");
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      try {
        const client = await this.#start();
        for (const port of this.#ports.values()) await client.addPort(port);
        for (const port of this.#published.values()) await client.publish(port);
        return client;
      } catch (error) {
        this.#parts.log.warn("restart a network", { error });
      }
    }
  }
}

/** What a process that has ended leaves; its record first, so that no half of it is believed. */
async function clear(folder: string): Promise<void> {
  for (const name of [`${DAEMON}.pid`, `${DAEMON}.claim`, SOCKET, `${DAEMON}.log`]) {
    await Deno.remove(join(folder, name)).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

/** As `netd/network/config.go` reads it. */
function netdConfig(config: NetworkConfig, resolvConf: string, home: string) {
  const plan = new AddressPlan(config);
  const bridged = config.driver === "bridge";
  return {
    name: config.name,
    mac: GATEWAY_MAC,
    ...(config.ipv4 && { ipv4: bridged ? plan.hostCidr(4) : plan.gateway(4) }),
    ...(config.ipv6 && { ipv6: bridged ? plan.hostCidr(6) : plan.gateway(6) }),
    ...(bridged && { bridge: bridgeOf(config, home) }),
    mtu: config.mtu,
    internal: config.internal,
    ...(config.hostAccess && !config.internal && { host: plan.host() }),
    resolvConf,
    ...(config.egress && { egress: config.egress }),
  };
}

/** The gateway's in every network: they never meet. Guests have other second bytes. */
const GATEWAY_MAC = "02:67:77:00:00:01";
