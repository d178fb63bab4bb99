import type { RunningVm } from "../vm/mod.ts";
import { type Context, foldersOf } from "./context.ts";
import { FileEvents } from "./mounts/file_events.ts";
import { SocketForwards } from "./sockets/forwards.ts";
import { HostSockets } from "./sockets/host_socket.ts";
import type { ContainerConfig } from "./types.ts";

/** What ties a running container to its host beside its file systems: sockets, and word of changed files. */
export class HostLinks {
  readonly #sockets: SocketForwards;
  readonly #host: HostSockets;
  readonly #events: FileEvents;

  constructor(context: Context, vm: RunningVm, config: ContainerConfig) {
    const { log, watchFolders } = context;
    this.#host = hostSocketsOf(context, config.id);
    this.#sockets = new SocketForwards(vm, config, {
      host: this.#host,
      log,
      agent: () => context.records.get(config.id)?.config.sshAgent?.socket,
    });
    this.#events = new FileEvents(vm, config, watchFolders, log);
  }

  /** Before the first process runs. @throws {CtrError} as `HostSockets.listen()`. */
  publish(): Promise<void> {
    return this.#sockets.publish();
  }

  /** Once the guest has what the container was started with. */
  begin(): void {
    this.#sockets.begin();
    this.#events.begin();
  }

  /** For a VM of an earlier engine. @param streams IDs of what its guest carries. */
  async adopt(streams: readonly string[]): Promise<void> {
    this.#events.begin();
    await this.#sockets.adopt(streams);
  }

  /** Lets go, for an engine that ends while the container lives on. */
  release(): void {
    this.#events.close();
    this.#sockets.release();
  }

  /** The VM has ended, or is about to. */
  async end(): Promise<void> {
    this.#events.close();
    this.#sockets.release();
    await this.#host.remove();
  }
}

export function hostSocketsOf({ home }: Context, id: string): HostSockets {
  return new HostSockets(foldersOf(home, id).root);
}
