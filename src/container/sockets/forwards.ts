import type { Socket } from "node:net";
import { isCtrError, type Log } from "../../core/mod.ts";
import { connectUnixOnce } from "../../host/mod.ts";
import { relay, type RunningVm } from "../../vm/mod.ts";
import type { ContainerConfig } from "../types.ts";
import { HostSockets } from "./host_socket.ts";
import { type Inward, inwardSockets, isSocketStream, listenSpecs, newStreamId } from "./plan.ts";

/** Connections of one container at a time; more are turned away. */
const CONNECTIONS = 1024;
/** What an earlier engine has left: connections that nobody has taken yet are told again within this. */
const SETTLE_MS = 2000;
const AGAIN_MS = 100;

export interface HostSide {
  readonly host: HostSockets;
  readonly log: Log;
  /** Where the ssh-agent of the caller listens now: a new login has a new one. */
  readonly agent: () => string | undefined;
}

/** Connects the sockets of a container with those of the host, both ways, while its VM lives. */
export class SocketForwards {
  readonly #vm: RunningVm;
  readonly #config: ContainerConfig;
  readonly #log: Log;
  readonly #agent: () => string | undefined;
  readonly #inward: ReadonlyMap<string, Inward>;
  readonly #host: HostSockets;
  readonly #stop = new AbortController();
  readonly #carried = new Set<string>();

  constructor(vm: RunningVm, config: ContainerConfig, { host, log, agent }: HostSide) {
    this.#vm = vm;
    this.#config = config;
    this.#host = host;
    this.#log = log;
    this.#agent = agent;
    this.#inward = new Map(inwardSockets(config).map((each) => [each.id, each]));
    vm.ended.then(() => this.#stop.abort());
  }

  /** Serves what the container was started with: the guest's listeners are there. */
  begin(): void {
    if (this.#inward.size > 0) this.#accept();
  }

  /**
   * As `begin()`, for a VM of an earlier engine, whose connections were ended with it.
   *
   * @param streams What the guest carries.
   */
  async adopt(streams: readonly string[]): Promise<void> {
    const left = streams.filter(isSocketStream);
    if (this.#inward.size > 0) {
      await this.#listenAgain();
      this.#accept();
    }
    if (left.length > 0) this.#forgetLater(left);
    await this.publish().catch((error) => this.#told("publish a socket again", error));
  }

  /** Listens on the host. @throws {CtrError} as `HostSockets.listen()`. */
  async publish(): Promise<void> {
    for (const { source, target } of this.#config.publishedSockets) {
      await this.#host.listen(source, (socket) => void this.#outward(socket, target));
    }
  }

  /** Lets go of everything, for an engine that ends while the container lives on. */
  release(): void {
    this.#stop.abort();
    this.#host.release();
  }

  async #listenAgain(): Promise<void> {
    const { guest } = this.#vm;
    const state = await guest.containerState(this.#config.id).catch(() => undefined);
    for (const spec of await listenSpecs(this.#config)) {
      if (state?.listeners.includes(spec.id)) continue;
      await guest.listen(this.#config.id, spec).catch((error) => this.#told("listen", error));
    }
  }

  #forgetLater(streams: readonly string[]): void {
    const timer = setTimeout(() => {
      for (const id of streams) {
        if (!this.#carried.has(id)) this.#vm.guest.forget(id).catch(() => {});
      }
    }, SETTLE_MS);
    this.#stop.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }

  /** Takes connections as they come, also after the connection to the guest was made anew. */
  async #accept(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && !this.#vm.gone) {
      try {
        for await (const each of this.#vm.guest.accepted(this.#config.id, signal)) {
          const inward = this.#inward.get(each.listenerId);
          if (inward) void this.#take(each.streamId, inward);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!isCtrError(error)) this.#told("accept a connection", error);
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS)); // another connection is being made
    }
  }

  async #take(streamId: string, inward: Inward): Promise<void> {
    if (this.#carried.has(streamId)) return; // told again before we followed it
    if (this.#carried.size >= CONNECTIONS) {
      return void this.#vm.guest.forget(streamId).catch(() => {});
    }
    this.#carried.add(streamId);
    try {
      const source = (inward.agent ? this.#agent() : undefined) ?? inward.source;
      await this.#carry(await connectUnixOnce(source), streamId);
    } catch {
      await this.#vm.guest.forget(streamId).catch(() => {}); // nobody listens: the connection is closed
    } finally {
      this.#carried.delete(streamId);
    }
  }

  async #outward(socket: Socket, target: string): Promise<void> {
    socket.on("error", () => {});
    if (this.#carried.size >= CONNECTIONS) return void socket.destroy();
    const id = newStreamId();
    this.#carried.add(id);
    try {
      const spec = { kind: "dial", network: "unix", address: target } as const;
      await this.#vm.guest.openStream(this.#config.id, id, spec);
      await this.#carry(socket, id);
    } catch {
      socket.destroy(); // nobody listens in the container
    } finally {
      this.#carried.delete(id);
    }
  }

  async #carry(socket: Socket, streamId: string): Promise<void> {
    const end = () => void socket.destroy();
    this.#stop.signal.addEventListener("abort", end, { once: true });
    try {
      await relay(this.#vm, streamId, socket);
    } finally {
      this.#stop.signal.removeEventListener("abort", end);
    }
  }

  #told(doing: string, error: unknown): void {
    this.#log.error(doing, { id: this.#config.id, error });
  }
}
