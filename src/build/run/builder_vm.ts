import { join } from "node:path";
import { makeEmptyExt4 } from "../../ext4/mod.ts";
import { cloneFile } from "../../host/mod.ts";
import { nicSocket } from "../../hypervisor/mod.ts";
import type { Endpoint } from "../../network/mod.ts";
import {
  type Architecture,
  bootVm,
  discardVm,
  type EmulatorSpec,
  type LowerSpec,
  type RunningVm,
  Stopwatch,
  UPPER_SERIAL,
} from "../../vm/mod.ts";
import type { CacheDisk } from "./cache_disk.ts";
import { buildsFolder, type RunContext } from "./context.ts";
import { EMULATORS_SERIAL } from "./emulators.ts";
import type { LayerDisk } from "./types.ts";

/** Serial of the disk of cache mounts. */
export const CACHE_SERIAL = "cache";
/** Of the share of layer disks. */
const LAYERS_TAG = "layers";
/** What the guest sees of its scratch disk; the host pays for what is written. */
const SCRATCH_BYTES = 64 * 1024 ** 3;
/** In networks, under a name that no container can have. */
const NAME_IN_NETWORK = "_build";

/** What is asked for of a VM. */
export interface VmRequest {
  readonly architecture: Architecture;
  readonly networkName: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly cache: CacheDisk;
  /** Path of the disk of emulators, where there is one. */
  readonly emulators: string | undefined;
}

/**
 * A VM that runs steps of builds. What steps change goes to a scratch disk, a folder each, where the host reads it.
 * A VM of this kind gets no disks once it runs, so it sees the layers' disks in a folder that it shares
 * read-only: links to those that its steps are made of, and to nothing else.
 */
export class BuilderVm {
  readonly id = `build-${crypto.randomUUID().slice(0, 8)}`;
  readonly startedAt = new Date();
  readonly request: VmRequest;
  /** Path of the scratch disk. */
  readonly scratch: string;
  /** Resolves when the guest has answered. Nothing is left when it rejects. */
  readonly running: Promise<RunningVm>;
  readonly #context: RunContext;
  readonly #folder: string;
  readonly #layers: string;
  readonly #linked = new Map<string, Promise<string>>();
  #endpoint: Endpoint | undefined;
  readonly #emulated = new Map<string, Promise<void>>();
  #count = 0;
  #gone = false;
  #ended: Promise<void> | undefined;

  constructor(context: RunContext, request: VmRequest) {
    this.#context = context;
    this.request = request;
    this.#folder = join(buildsFolder(context.home), this.id);
    this.#layers = join(this.#folder, "layers");
    this.scratch = join(this.#folder, "scratch.ext4");
    this.running = this.#boot();
    this.running.then(({ ended }) => ended).then(() => this.#gone = true, () => this.#gone = true);
  }

  /** It has ended, or was never there; nothing can be run in it. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Its place in the network; undefined before it runs. */
  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  /** A number that no other step of this VM has. */
  next(): number {
    return ++this.#count;
  }

  /** How the guest is told of a layer disk. It can be removed on the host from then on. */
  async lower({ path, diffId }: LayerDisk): Promise<LowerSpec> {
    const name = `${diffId.replace(/^.*:/, "")}.ext4`;
    let linked = this.#linked.get(name);
    if (!linked) {
      linked = link(path, join(this.#layers, name)).then(() => name);
      linked.catch(() => this.#linked.delete(name));
      this.#linked.set(name, linked);
    }
    const { vm } = await this.running;
    const { type, options } = vm.shareMounts[LAYERS_TAG]!;
    return { shared: { type, options, tag: LAYERS_TAG, name: await linked } };
  }

  /** Lets programs of another architecture run. */
  async emulate(spec: EmulatorSpec): Promise<void> {
    let known = this.#emulated.get(spec.name);
    if (!known) {
      known = this.running.then(({ guest }) => guest.addEmulator(spec));
      known.catch(() => this.#emulated.delete(spec.name));
      this.#emulated.set(spec.name, known);
    }
    await known;
  }

  /** Removes what steps have left on the scratch disk, in the guest's own time. */
  forget(folders: readonly string[]): void {
    if (folders.length === 0) return;
    this.running.then(({ guest }) => guest.removeFolders(SCRATCH_SERIAL, folders)).catch(() => {});
  }

  /** Lets the guest write its caches down and ends the VM. Nothing is left of it but the caches. */
  end(): Promise<void> {
    return this.#ended ??= this.#end(({ shutdown }) => shutdown());
  }

  kill(): Promise<void> {
    return this.#ended ??= this.#end(({ kill }) => kill());
  }

  async #end(how: (vm: { shutdown(): Promise<void>; kill(): Promise<void> }) => Promise<void>) {
    const vm = await this.running.catch(() => undefined);
    if (vm && !vm.gone) {
      await how({ shutdown: () => vm.shutdown(0), kill: () => vm.kill() }).catch((error) =>
        this.#context.log.error("end the VM of a build", { id: this.id, error })
      );
    }
    await this.#leaveNothing();
  }

  async #boot(): Promise<RunningVm> {
    try {
      const { home, networks, scratchBytes = SCRATCH_BYTES } = this.#context;
      await Deno.mkdir(buildsFolder(home), { recursive: true, mode: 0o700 });
      await Deno.mkdir(this.#folder, { mode: 0o700 });
      await Deno.mkdir(this.#layers, { mode: 0o700 });
      const container = { id: this.id, name: `${NAME_IN_NETWORK}-${this.request.architecture}` };
      const [endpoint] = await Promise.all([
        networks.attach({ network: this.request.networkName, container }),
        // The journal is not for crashes: without one a guest whose host's disk is full is never told.
        makeEmptyExt4(this.scratch, scratchBytes, { journal: true }),
        this.request.cache.make(),
      ]);
      this.#endpoint = endpoint;
      return await this.#start(endpoint);
    } catch (error) {
      await this.#leaveNothing();
      throw error;
    }
  }

  async #start(endpoint: Endpoint): Promise<RunningVm> {
    const { hypervisor, connect, networks } = this.#context;
    const { architecture, cpus, memoryBytes, cache, emulators } = this.request;
    const folder = join(this.#folder, "vm");
    const boot = await bootVm(hypervisor, connect, {
      id: this.id,
      folder,
      console: join(this.#folder, "boot.log"),
      architecture,
      layers: [],
      upper: this.scratch,
      volatile: true,
      disks: [
        { path: cache.path, readonly: false, serial: CACHE_SERIAL },
        ...emulators ? [{ path: emulators, readonly: true, serial: EMULATORS_SERIAL }] : [],
      ],
      shares: [{ tag: LAYERS_TAG, path: this.#layers, readonly: true }],
      nics: [{ kind: "stream", mac: endpoint.mac }],
      cpus,
      memoryBytes,
      kernelArguments: [],
    }, new Stopwatch());
    const plugged = networks.plug(endpoint, { id: this.id, socket: join(folder, nicSocket(0)) });
    plugged.catch(() => {}); // awaited below
    const vm = await boot.running;
    try {
      await plugged;
      return vm;
    } catch (error) {
      await vm.kill();
      throw error;
    }
  }

  async #leaveNothing(): Promise<void> {
    await this.#context.networks.release(this.id).catch(() => {});
    await Deno.remove(this.#folder, { recursive: true }).catch(() => {});
  }
}

/** Serial of the scratch disk. */
export const SCRATCH_SERIAL = UPPER_SERIAL;

/** A link keeps the disk, whatever becomes of its name. */
async function link(from: string, to: string): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw error;
    await cloneFile(from, to); // another file system, or one without links
  }
}

/** Ends the VMs that an earlier engine has left, and removes what they left. */
export async function sweepVms({ home, hypervisor, log }: RunContext): Promise<void> {
  const builds = buildsFolder(home);
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(builds)) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Promise.all(names.map(async (name) => {
    try {
      await discardVm(hypervisor, join(builds, name, "vm"));
      await Deno.remove(join(builds, name), { recursive: true });
    } catch (error) {
      log.error("remove what a build left", { name, error });
    }
  }));
}
