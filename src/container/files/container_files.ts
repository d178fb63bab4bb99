import { CtrError } from "../../core/mod.ts";
import { packDisks, type Packed, type PackWhat } from "../../unpack/mod.ts";
import type { Guest, PathStat, StreamSpec } from "../../vm/mod.ts";
import { type Context, exists } from "../context.ts";
import { bootHelper } from "./boot_helper.ts";
import { copyIn, copyOut } from "./guest_stream.ts";
import { changedMeanwhile, HelperVm } from "./helper_vm.ts";
import { layerDisks } from "../root_disk.ts";
import { isKept } from "./kept_upper.ts";
import { type FileOwner, isStopped } from "./owner.ts";
import { needsRecovery, notWhole, snapshot } from "./snapshot.ts";

/** How often a container may begin or end to run under our hands. */
const ATTEMPTS = 5;

/**
 * What the guest itself puts on the disk to have something to mount on. The container cannot change it:
 * it sees what is mounted there.
 */
const IGNORED = {
  folders: ["dev", "proc", "sys"],
  emptyFiles: ["etc/hostname", "etc/hosts", "etc/resolv.conf"],
};

export type CopyInSpec = Omit<Extract<StreamSpec, { kind: "copy-in" }>, "kind">;
export type CopyOutSpec = Omit<Extract<StreamSpec, { kind: "copy-out" }>, "kind">;

/**
 * The files of one container, whether it runs or not.
 *
 * What a container sees (volumes and shares included) is read and written by its guest; where it does not
 * run, by that of a helper VM. What is its own is read from its disks on the host.
 */
export class ContainerFiles {
  readonly #context: Context;
  readonly #owner: FileOwner;
  readonly #helper: HelperVm;

  constructor(context: Context, owner: FileOwner) {
    this.#context = context;
    this.#owner = owner;
    this.#helper = new HelperVm(owner, (spawned) => bootHelper(context, owner, spawned));
  }

  get hasHelper(): boolean {
    return this.#helper.active;
  }

  /** Does `work` with a guest that has the container's file systems mounted. */
  async withGuest<T>(
    doing: string,
    work: (guest: Guest, how: "running" | "helper") => Promise<T>,
  ): Promise<T> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      // While a helper lives, who asks for the container's own VM would wait for its end.
      const vm = this.#helper.active ? undefined : await this.#owner.runningVm();
      if (vm) return await work(vm.guest, "running");
      const done = await this.#helper.use((guest) => work(guest, "helper"));
      if (done) return done.result;
    }
    throw changedMeanwhile(this.#name, doing);
  }

  /** What a path is. @throws {CtrError} `not-found`. */
  stat(path: string): Promise<PathStat> {
    return this.withGuest(
      `cannot look into "${this.#name}"`,
      (guest) => guest.statPath(this.#id, path),
    );
  }

  /**
   * Packs what is at a path.
   *
   * @param begin Called with what is there before the first byte.
   * @param take Each piece is valid during the call alone.
   */
  async copyOut(
    spec: CopyOutSpec,
    begin: (stat: PathStat) => void,
    take: (bytes: Uint8Array) => Promise<void> | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const doing = `cannot copy "${spec.path}" from "${this.#name}"`;
    await this.withGuest(doing, async (guest) => {
      begin(await guest.statPath(this.#id, spec.path));
      const stream = { guest, containerId: this.#id, doing, signal };
      await copyOut(stream, { kind: "copy-out", ...spec }, take);
    });
  }

  /** Unpacks an archive below a folder. Where the container does not run, it is on the disk then. */
  async copyIn(
    spec: CopyInSpec,
    source: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const doing = `cannot copy to "${spec.path}" in "${this.#name}"`;
    if (this.#owner.record.config.readOnly && !this.#isMounted(spec.path)) {
      throw new CtrError("denied", `${doing}: its root file system is read-only`);
    }
    await this.withGuest(doing, async (guest, how) => {
      const stream = { guest, containerId: this.#id, doing, signal };
      await copyIn(stream, { kind: "copy-in", ...spec }, source);
      if (how === "helper") await settle(guest, this.#id);
    });
  }

  /** An archive of its root file system without what is mounted into it, as `docker export` makes it. */
  async *export(): AsyncGenerator<Uint8Array, void> {
    yield* this.#pack("tree", { pause: false, doing: `cannot export "${this.#name}"` });
  }

  /** Lines of JSON: `{"kind": "A" | "C" | "D", "path": "/…"}`. */
  async *changes(): AsyncGenerator<Uint8Array, void> {
    yield* this.#pack("changes", { pause: false, doing: `cannot compare "${this.#name}"` });
  }

  /** Its changes as a layer, taken by `use` while the disks stay as they are. */
  async withLayer<T>(pause: boolean, use: (layer: Packed) => Promise<T>): Promise<T> {
    const doing = `cannot commit "${this.#name}"`;
    return await this.#withUpper({ pause, doing }, async (upper) => {
      return await use(await this.#packed("layer", upper, doing));
    });
  }

  /** Hands out the path of its disk, whole, and unchanged until `work` is done, whether it runs or not. */
  async withDisk<T>(doing: string, work: (path: string) => Promise<T>): Promise<T> {
    return await this.#withUpper({ pause: false, doing }, async (path) => {
      if (path === undefined) throw new CtrError("not-found", `${doing}: it has no disk yet`);
      return await work(path);
    });
  }

  /** Ends its helper VM, for an engine that ends. */
  release(): Promise<void> {
    return this.#helper.release();
  }

  async *#pack(
    what: PackWhat,
    options: { readonly pause: boolean; readonly doing: string },
  ): AsyncGenerator<Uint8Array, void> {
    // A generator cannot yield from within a callback: pieces go over one by one.
    const pieces = new Handover<Uint8Array>();
    const work = this.#withUpper(options, async (upper) => {
      const { bytes } = await this.#packed(what, upper, options.doing);
      for await (const piece of bytes) if (!await pieces.put(piece)) return;
    }).finally(() => pieces.end());
    work.catch(() => {}); // awaited below
    try {
      yield* pieces.taken();
      await work;
    } finally {
      pieces.stop();
      await work.catch(() => {});
    }
  }

  async #packed(what: PackWhat, upper: string | undefined, doing: string): Promise<Packed> {
    const { config } = this.#owner.record;
    const limits = what === "layer" ? { maxContentBytes: 64 * 2 ** 30 } : {};
    const options = { what, ignored: IGNORED, limits, doing };
    const disks = await layerDisks(this.#context.images, config);
    if (config.root !== "disk") return packDisks({ ...options, disks, upper });
    if (what === "tree") {
      return packDisks({ ...options, disks: upper === undefined ? [] : [upper] });
    }
    throw new CtrError("unsupported", `${doing}: it has a disk of its own, not an image's layers`);
  }

  /**
   * Hands out the path of its writable disk, whole, and unchanged until `work` is done. Undefined if it
   * has none yet. One that does not run cannot be started meanwhile; one that runs goes on.
   */
  async #withUpper<T>(
    options: { readonly pause: boolean; readonly doing: string },
    work: (upper: string | undefined) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const vm = this.#helper.active ? undefined : await this.#owner.runningVm();
      if (vm) {
        await using copy = await snapshot(this.#owner, vm.guest, options);
        return await work(copy.path);
      }
      const done = await this.#owner.exclusive(async () => {
        if (!await isStopped(this.#owner)) return undefined;
        const upper = await this.#ownUpper();
        if (upper !== undefined && needsRecovery(upper)) return "unclean";
        return { result: await work(upper) };
      });
      if (done === "unclean") await this.#replay(options.doing);
      else if (done) return done.result;
    }
    throw changedMeanwhile(this.#name, options.doing);
  }

  async #ownUpper(): Promise<string | undefined> {
    const { folders: { upper }, record: { started } } = this.#owner;
    return (started || await isKept(upper)) && await exists(upper) ? upper : undefined;
  }

  /** Lets a guest's kernel put in place what the journal of a killed one holds. */
  async #replay(doing: string): Promise<void> {
    await this.#helper.use(() => Promise.resolve());
    await this.#owner.exclusive(async () => {
      const upper = await this.#ownUpper();
      if (await isStopped(this.#owner) && upper !== undefined && needsRecovery(upper)) {
        throw notWhole(doing);
      }
    });
  }

  /** Whether a path lies in something that is mounted. */
  #isMounted(path: string): boolean {
    const { mounts, tmpfs } = this.#owner.record.config;
    const targets = [
      ...mounts.map(({ target }) => target),
      ...tmpfs.map(({ destination }) => destination),
    ];
    return targets.some((target) => path === target || path.startsWith(`${target}/`));
  }

  get #id(): string {
    return this.#owner.record.config.id;
  }

  get #name(): string {
    return this.#owner.record.config.name;
  }
}

/** Makes the guest write its disk and empty its journal, so that nothing is lost when its VM ends. */
async function settle(guest: Guest, id: string): Promise<void> {
  const scope = { fileSystem: true };
  await guest.freeze(id, scope);
  await guest.thaw(id, scope);
}

/** One piece at a time from who makes them to who takes them. */
class Handover<T> {
  #piece: T | undefined;
  #full = Promise.withResolvers<void>();
  #empty = Promise.withResolvers<void>();
  #ended = false;
  #stopped = false;

  /** Resolves when the piece was used up. @returns False if nobody takes any more. */
  async put(piece: T): Promise<boolean> {
    this.#piece = piece;
    this.#empty = Promise.withResolvers();
    this.#full.resolve();
    if (!this.#stopped) await this.#empty.promise;
    return !this.#stopped;
  }

  end(): void {
    this.#ended = true;
    this.#full.resolve();
  }

  stop(): void {
    this.#stopped = true;
    this.#empty.resolve();
  }

  async *taken(): AsyncGenerator<T, void> {
    for (;;) {
      await this.#full.promise;
      if (this.#piece === undefined) return;
      const piece = this.#piece;
      yield piece;
      this.#piece = undefined;
      if (!this.#ended) this.#full = Promise.withResolvers();
      this.#empty.resolve();
    }
  }
}
