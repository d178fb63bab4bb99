import type { Duplex } from "node:stream";
import { CtrError } from "../../core/mod.ts";
import type { Features, Finding, Hypervisor, Vm, VmConfig, VmExit } from "../hypervisor.ts";
import { duplexPair } from "./duplex_pair.ts";

export interface FakeOptions {
  /**
   * Plays the guest: gets the guest's end of each new connection. Without it nobody listens.
   *
   * @param vm The VM whose guest it plays; `crash()` ends it.
   */
  readonly guest?: (stream: Duplex, port: number, vm: FakeVm) => void;
  /** What the guest "says" on its console when it starts. */
  readonly console?: string;
}

/**
 * VMs without machines, for tests of what is above: a stream pair per connection, a scripted guest.
 *
 * They live as long as this object, not as long as an engine: to play an engine's restart, hand the
 * same object to the next one.
 */
export class FakeHypervisor implements Hypervisor {
  readonly name = "fake";
  readonly nicWire = "stream";
  /** By folder, the living ones. */
  readonly vms = new Map<string, FakeVm>();
  #options: FakeOptions;
  #nextPid = 1_000_000_000; // beyond any real one

  constructor(options: FakeOptions = {}) {
    this.#options = options;
  }

  features(): Promise<Features> {
    return Promise.resolve({
      balloon: true,
      save: false,
      shares: true,
      nestedVirtualization: false,
      parallelCpus: true,
      architectures: ["amd64", "arm64"],
      translated: [],
    });
  }

  notice(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  doctor(): Promise<readonly Finding[]> {
    return Promise.resolve([{ name: "hypervisor", ok: true, detail: "fake" }]);
  }

  async start(config: VmConfig): Promise<Vm> {
    if (this.vms.has(config.folder)) {
      throw new CtrError("exists", `cannot start VM "${config.id}": it runs`);
    }
    for (const path of [config.bootDisk, config.kernel, ...config.disks.map(({ path }) => path)]) {
      await Deno.stat(path).catch((cause) => {
        throw new CtrError("unavailable", `cannot start VM "${config.id}": cannot read "${path}"`, {
          cause,
        });
      });
    }
    for (const { path } of config.shares ?? []) {
      await Deno.stat(path).catch((cause) => {
        const message = `cannot share "${path}": there is no such file or folder`;
        throw new CtrError("not-found", message, { cause });
      });
    }
    await Deno.writeTextFile(config.console, this.#options.console ?? "", { append: true });
    const vm = new FakeVm(config, this.#nextPid++, this.#options.guest);
    this.vms.set(config.folder, vm);
    vm.ended.then(() => this.vms.delete(config.folder));
    return vm;
  }

  adopt(folder: string): Promise<Vm | undefined> {
    return Promise.resolve(this.vms.get(folder));
  }
}

export class FakeVm implements Vm {
  readonly id: string;
  readonly accelerator = "fake";
  readonly shareMounts: Vm["shareMounts"];
  readonly timing: { readonly startedMs: number; readonly spawnedMs: number };
  readonly ended: Promise<VmExit>;
  paused = false;
  balloonBytes: number;
  #guest: FakeOptions["guest"];
  #end: (exit: VmExit) => void;
  #over = false;
  #stream: Duplex | undefined;

  constructor(readonly config: VmConfig, readonly pid: number, guest: FakeOptions["guest"]) {
    this.id = config.id;
    const mount = { type: "virtiofs", options: [] } as const;
    this.shareMounts = Object.fromEntries((config.shares ?? []).map(({ tag }) => [tag, mount]));
    this.balloonBytes = config.memoryBytes;
    this.timing = { startedMs: Date.now(), spawnedMs: Date.now() };
    this.#guest = guest;
    const { promise, resolve } = Promise.withResolvers<VmExit>();
    this.ended = promise;
    this.#end = resolve;
  }

  async connect(
    port: number,
    options: { deadlineMs: number; signal?: AbortSignal },
  ): Promise<Duplex> {
    options.signal?.throwIfAborted();
    if (this.#over) throw new CtrError("unavailable", `cannot reach VM "${this.id}": it has ended`);
    if (this.#guest === undefined) return await this.#nobody(port, options);
    this.#stream?.destroy();
    const [ours, guests] = duplexPair();
    this.#stream = ours;
    this.#guest(guests, port, this);
    return ours;
  }

  stop(_deadlineMs: number): Promise<void> {
    return this.kill();
  }

  kill(): Promise<void> {
    this.#finish({ how: "stopped" });
    return Promise.resolve();
  }

  /** Plays the monitor's sudden end. */
  crash(reason: string): void {
    this.#finish({ how: "failed", reason });
  }

  wait(): Promise<VmExit> {
    return this.ended;
  }

  footprintBytes(): Promise<number> {
    return Promise.resolve(32 * 2 ** 20);
  }

  balloon(targetBytes: number): Promise<void> {
    this.balloonBytes = targetBytes;
    return Promise.resolve();
  }

  pause(): Promise<void> {
    this.paused = true;
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.paused = false;
    return Promise.resolve();
  }

  save(): Promise<void> {
    const message = `cannot save VM "${this.id}": its hypervisor cannot`;
    return Promise.reject(new CtrError("unsupported", message));
  }

  release(): void {
    this.#stream?.destroy();
  }

  #finish(exit: VmExit): void {
    this.#over = true;
    this.#stream?.destroy();
    this.#end(exit);
  }

  async #nobody(
    port: number,
    { deadlineMs, signal }: { deadlineMs: number; signal?: AbortSignal },
  ): Promise<never> {
    const { promise, reject } = Promise.withResolvers<never>();
    const what = `connecting to port ${port} of VM "${this.id}"`;
    const late = new CtrError("timeout", `timed out after ${deadlineMs / 1000}s: ${what}`);
    const timer = setTimeout(() => reject(late), deadlineMs);
    const aborted = () => reject(signal!.reason);
    signal?.addEventListener("abort", aborted, { once: true });
    this.ended.then(() =>
      reject(new CtrError("unavailable", `cannot reach VM "${this.id}": it has ended`))
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
    }
  }
}
