import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { Architecture } from "../../vm/mod.ts";
import { BuilderVm, sweepVms, type VmRequest } from "./builder_vm.ts";
import { CacheDisk } from "./cache_disk.ts";
import { cachesFolder, type RunContext } from "./context.ts";

/** How far guests' clocks may run away. */
const CLOCK_MS = 60_000;

/** A VM and who uses it. */
interface Entry {
  readonly key: string;
  readonly vm: BuilderVm;
  readonly users: string[];
}

/** A VM that does not end before the lease does. */
export interface VmLease extends AsyncDisposable {
  readonly vm: BuilderVm;
  /** It was booted for this lease. */
  readonly fresh: boolean;
}

/** The VMs of builds: one for all builds of an architecture and a network, while there is a build. */
export class VmPool {
  readonly #context: RunContext;
  readonly #entries = new Map<string, Entry>();
  readonly #ending = new Map<string, Promise<void>>();
  readonly #disks = new Map<string, CacheDisk>();
  #swept: Promise<void> | undefined;
  #clock: ReturnType<typeof setInterval> | undefined;

  constructor(context: RunContext) {
    this.#context = context;
  }

  /** Once, before the first VM: what an earlier engine left would hold the caches. */
  sweep(): Promise<void> {
    return this.#swept ??= sweepVms(this.#context);
  }

  /** Takes a VM that lives, or boots one. Returns while it still boots. */
  async lease(
    user: string,
    request: Omit<VmRequest, "cache">,
    key = keyOf(request),
  ): Promise<VmLease> {
    await this.sweep();
    for (let ending; (ending = this.#ending.get(key));) await ending;
    let entry = this.#entries.get(key);
    const fresh = !entry || entry.vm.gone;
    if (!entry || fresh) {
      const vm = new BuilderVm(this.#context, { ...request, cache: this.disk(key) });
      this.#entries.set(key, entry = { key, vm, users: [] });
      this.#changed();
    }
    entry.users.push(user);
    return this.#leaseOf(entry, user, fresh);
  }

  /** The disk of caches of VMs of a kind. */
  disk(key: string): CacheDisk {
    let disk = this.#disks.get(key);
    if (!disk) this.#disks.set(key, disk = new CacheDisk(cachesFolder(this.#context.home), key));
    return disk;
  }

  /** Every disk of caches that there is, with the architecture of its VMs. */
  async disks(): Promise<{ key: string; architecture: Architecture; disk: CacheDisk }[]> {
    const found: string[] = [];
    try {
      for await (const { name } of Deno.readDir(cachesFolder(this.#context.home))) {
        if (name.endsWith(".ext4")) found.push(basename(name, ".ext4"));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return found.sort().flatMap((key) => {
      const architecture = key.split("@")[0];
      if (architecture !== "amd64" && architecture !== "arm64") return [];
      return [{ key, architecture, disk: this.disk(key) }];
    });
  }

  /** The VM that has a disk of caches now, if one does. */
  async holder(key: string): Promise<BuilderVm | undefined> {
    await this.#ending.get(key);
    const vm = this.#entries.get(key)?.vm;
    return vm?.gone ? undefined : vm;
  }

  status() {
    return [...this.#entries.values()].filter(({ vm }) => !vm.gone).map(({ vm, users }) => ({
      architecture: vm.request.architecture,
      builds: [...new Set(users)],
      startedAt: vm.startedAt,
      cpus: vm.request.cpus,
      memoryBytes: vm.request.memoryBytes,
    }));
  }

  /** Ends every VM now. */
  async stop(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ vm }) => vm.kill()));
    this.#entries.clear();
    await Promise.all(this.#ending.values());
    this.#changed();
  }

  #leaseOf(entry: Entry, user: string, fresh: boolean): VmLease {
    let over = false;
    return {
      vm: entry.vm,
      fresh,
      [Symbol.asyncDispose]: () => {
        if (!over) this.#release(entry, user);
        over = true;
        return Promise.resolve();
      },
    };
  }

  #release(entry: Entry, user: string): void {
    entry.users.splice(entry.users.indexOf(user), 1);
    if (entry.users.length > 0) return;
    const { key, vm } = entry;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    const before = this.#ending.get(key);
    const ended = Promise.all([before, vm.end()]).then(() => {
      if (this.#ending.get(key) === ended) this.#ending.delete(key);
      this.#changed();
    });
    this.#ending.set(key, ended);
  }

  #changed(): void {
    const living = this.#entries.size > 0;
    if (living && this.#clock === undefined) {
      this.#clock = setInterval(() => this.#setTime(), CLOCK_MS);
      Deno.unrefTimer(this.#clock as unknown as number);
    } else if (!living) {
      clearInterval(this.#clock);
      this.#clock = undefined;
    }
    this.#context.onChange?.();
  }

  #setTime(): void {
    for (const { vm } of this.#entries.values()) {
      vm.running.then(({ guest }) => guest.setTime(Date.now())).catch(() => {});
    }
  }
}

/** VMs of other networks have caches of their own: a disk belongs to one VM at a time. */
function keyOf({ architecture, networkName }: Omit<VmRequest, "cache">): string {
  if (networkName === "default") return architecture;
  const hash = createHash("sha256").update(networkName).digest("hex").slice(0, 12);
  return `${architecture}@${hash}`;
}
