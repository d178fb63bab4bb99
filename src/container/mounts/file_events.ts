import type { Log } from "../../core/mod.ts";
import { type FolderChange, type FolderWatch, watchFolder } from "../../host/mod.ts";
import type { RunningVm } from "../../vm/mod.ts";
import type { ContainerConfig, MountConfig } from "../types.ts";
import { tagOf } from "./attach.ts";

/** Bursts that wait for the guest. What comes beyond is lost: a listener must look for itself then. */
const WAITING = 32;

type Bind = Extract<MountConfig, { type: "bind" }>;

/** Tells a guest what the host changes in the folders that it shares, while its VM lives. */
export class FileEvents {
  readonly #vm: RunningVm;
  readonly #config: ContainerConfig;
  readonly #maxFolders: number;
  readonly #log: Log;
  #watches: FolderWatch[] = [];
  #closed = false;

  /** @param maxFolders Of each mount; 0: nothing is watched. */
  constructor(vm: RunningVm, config: ContainerConfig, maxFolders: number, log: Log) {
    this.#vm = vm;
    this.#config = config;
    this.#maxFolders = maxFolders;
    this.#log = log;
    vm.ended.then(() => this.close());
  }

  /** Returns at once; large trees take a while until they are watched. */
  begin(): void {
    if (this.#maxFolders === 0) return;
    for (const [at, mount] of this.#config.mounts.entries()) {
      if (mount.type === "bind") {
        this.#watch(mount, tagOf(at)).catch((error) => this.#told("watch a mount", mount, error));
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const watch of this.#watches) watch.close();
    this.#watches = [];
  }

  async #watch(mount: Bind, tag: string): Promise<void> {
    const file = this.#vm.vm.shareMounts[tag]?.file;
    const queue = new Queue((events) =>
      this.#vm.guest.fileEvents(this.#config.id, mount.target, events)
    );
    const watch = await watchFolder(mount.source, {
      maxFolders: this.#maxFolders,
      // A single file has a name of its own in the share.
      onChanges: (changes) =>
        queue.add(file ? changes.map((each) => ({ ...each, path: file })) : changes),
      onLimit: (why) => this.#told("watch all of a mount", mount, why),
    });
    if (this.#closed) watch.close();
    else this.#watches.push(watch);
  }

  #told(doing: string, { source }: Bind, error: unknown): void {
    this.#log.error(doing, { id: this.#config.id, source, error });
  }
}

/** One call to the guest at a time, in order. */
class Queue {
  readonly #send: (events: readonly FolderChange[]) => Promise<void>;
  #waiting: (readonly FolderChange[])[] = [];
  #sending = false;

  constructor(send: (events: readonly FolderChange[]) => Promise<void>) {
    this.#send = send;
  }

  add(events: readonly FolderChange[]): void {
    if (this.#waiting.length >= WAITING) return;
    this.#waiting.push(events);
    if (!this.#sending) this.#run();
  }

  async #run(): Promise<void> {
    this.#sending = true;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      await this.#send(next).catch(() => {}); // the guest is being left, or about to be found again
    }
    this.#sending = false;
  }
}
