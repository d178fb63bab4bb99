import { Socket } from "node:net";
import { join } from "node:path";
import { CtrError, withDeadline, writeFileAtomic } from "../../core/mod.ts";
import { ConsoleLog, lastWords } from "../console.ts";
import { nicSocket, type VmExit } from "../hypervisor.ts";
import { ControlServer } from "./control_server.ts";
import { faultText } from "./faults.ts";
import { NicWire } from "./nic_wire.ts";
import { PanicWatch } from "./panic_watch.ts";
import type { Call } from "./protocol.ts";
import { machineIdFile, SOCKETS, type VmRecord } from "./record.ts";
import type { ShimFault, ShimVmConfig } from "./shapes.ts";
import type { NetworkHandle, Shim, VmHandle } from "./shim.ts";
import { VsockServer } from "./vsock_server.ts";

/** The framework opens the disks and judges the configuration. */
const MAKE_MS = 20_000;
/** The framework starts another process and takes the guest's memory. */
const START_MS = 30_000;
const CHANGE_MS = 30_000;
/** Gigabytes of memory to a slow disk. */
const SAVE_MS = 300_000;
/** What a guest has said is read to its end. */
const CONSOLE_MS = 1000;
/** From the panic's text to the end that the kernel brings about itself. */
const PANIC_MS = 1000;

/** One VM in its monitor, with all that others reach it by. */
export class HeldVm {
  /** Resolves when the VM has ended and everybody knows. */
  readonly ended: Promise<void>;
  readonly folder: string;
  readonly #shim: Shim;
  readonly #record: VmRecord;
  readonly #network: NetworkHandle | undefined;
  readonly #settle: () => void;
  #handle: VmHandle | undefined;
  #control!: ControlServer;
  #vsock: VsockServer | undefined;
  #console: ConsoleLog | undefined;
  #wires: NicWire[] = [];
  /** A VM that is to be restored must be the machine that was saved. */
  #machineId = "";
  #panic: string | undefined;
  #over = false;
  #stopping = false;

  constructor(shim: Shim, folder: string, record: VmRecord, network?: NetworkHandle) {
    this.#shim = shim;
    this.folder = folder;
    this.#record = record;
    this.#network = network;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#settle = resolve;
  }

  /**
   * Listens first, so that an engine that is killed now is followed by one that finds us.
   *
   * @param made Gets the handle before the VM runs, so that none of its events is missed.
   */
  async start(made: (handle: VmHandle) => void): Promise<void> {
    await clearSockets(this.folder, this.#record.plan.nics.length);
    this.#control = await ControlServer.listen(
      join(this.folder, SOCKETS.control),
      (call) => this.#obey(call),
    );
    try {
      await this.#make(made);
      await this.#run();
      this.#vsock = await VsockServer.listen(
        join(this.folder, SOCKETS.vsock),
        (port, deadlineMs) => this.#shim.connect(this.#handle!, port, deadlineMs),
      );
    } catch (error) {
      this.#over = true;
      await this.#control.failed(error);
      await this.#clear();
      throw error;
    }
    if (!this.#over) this.#control.ready();
  }

  /** The framework says that the guest has ended, or that it has ended the VM. */
  stopped(fault: ShimFault | undefined): void {
    if (this.#stopping) return;
    void this.#tellEnd(async () => {
      const { console, done } = { console: this.#record.console, done: this.#console?.done };
      await withDeadline("reading the console", CONSOLE_MS, async () => await done).catch(() => {});
      if (fault) return `Virtualization.framework ended it: ${faultText(fault)}`;
      const words = this.#panic ?? await lastWords(console);
      return `the guest ended by itself${words === undefined ? "" : `; its last words: ${words}`}`;
    });
  }

  /** Nothing can be known of the VM any more. */
  lost(why: string): void {
    void this.#tellEnd(() => Promise.resolve(why));
  }

  async #make(made: (handle: VmHandle) => void): Promise<void> {
    const { plan, id } = this.#record;
    this.#machineId = plan.machineId ?? this.#shim.machineId();
    const [ours, guests] = this.#shim.pair("stream");
    const panic = new PanicWatch((line) => this.#panicked(line));
    this.#console = new ConsoleLog(
      () => Promise.resolve(new Socket({ fd: ours })),
      this.#record.console,
      (chunk) => panic.take(chunk),
    );
    try {
      for (const [at, { kind }] of plan.nics.entries()) {
        if (kind !== "stream") continue;
        this.#wires[at] = await NicWire.listen(join(this.folder, nicSocket(at)), this.#shim);
      }
      this.#handle = await this.#shim.createVm(id, this.#shimConfig(guests), MAKE_MS);
      made(this.#handle);
    } finally {
      this.#shim.close(guests); // the VM has its own
      this.#wires.forEach((wire) => wire.taken());
    }
  }

  async #run(): Promise<void> {
    const { id, plan: { restore } } = this.#record;
    const what = `cannot start VM "${id}"`;
    if (restore === undefined) {
      return await this.#shim.vm("start", this.#handle!, what, START_MS);
    }
    await this.#shim.restore(this.#handle!, restore, `cannot restore VM "${id}"`, SAVE_MS);
    await this.#shim.vm("resume", this.#handle!, what, START_MS);
  }

  #shimConfig(consoleFd: number): ShimVmConfig {
    const { plan } = this.#record;
    return {
      kernel: plan.kernel,
      commandLine: plan.commandLine,
      cpus: plan.cpus,
      memoryBytes: plan.memoryBytes,
      machineId: this.#machineId,
      ...(plan.nested && { nested: true }),
      // Cached, because the framework's own choice has damaged Linux file systems; flushed by fsync, as
      // the drive's cache survives all but a power cut.
      disks: plan.disks.map(({ path, readonly, serial }) => ({
        path,
        readOnly: readonly,
        serial,
        caching: "cached",
        sync: "fsync",
      })),
      nics: plan.nics.map(({ kind, mac }, at) => {
        if (kind === "stream") return { kind: "fd", fd: this.#wires[at]!.guestEnd, mac };
        return kind === "nat" ? { kind, mac } : { kind, mac, network: this.#network! };
      }),
      console: { outputFd: consoleFd },
      shares: [
        ...plan.shares.map(({ tag, path, readonly }) => ({ tag, path, readOnly: readonly })),
        ...(plan.rosetta ? [{ tag: "rosetta", rosetta: true as const }] : []),
      ],
      balloon: true,
      entropy: true,
      vsock: true,
    };
  }

  async #obey(call: Call): Promise<unknown> {
    const { id } = this.#record;
    if (call.call === "ping") return;
    if (this.#over || this.#handle === undefined) {
      throw new CtrError("unavailable", `cannot reach VM "${id}": it has ended`);
    }
    switch (call.call) {
      case "pause":
      case "resume":
        return await this.#shim.vm(
          call.call,
          this.#handle,
          `cannot ${call.call} VM "${id}"`,
          CHANGE_MS,
        );
      case "balloon":
        return await this.#shim.setMemoryTarget(this.#handle, call.bytes);
      case "save":
        return await this.#save(this.#handle, call.path);
      case "stop":
        return await this.#stop();
      default:
        throw new CtrError("usage", `cannot ${call.call} a VM: this monitor holds one`);
    }
  }

  async #save(handle: VmHandle, path: string): Promise<void> {
    await writeFileAtomic(machineIdFile(path), `${this.#machineId}\n`);
    await this.#shim.save(handle, path, `cannot save VM "${this.#record.id}"`, SAVE_MS);
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    try {
      await this.#shim.vm("stop", this.#handle!, `cannot stop VM "${this.#record.id}"`, CHANGE_MS);
    } finally {
      this.#stopping = false;
    }
    void this.#end({ how: "stopped" });
  }

  /** The guest's kernel resets the machine, which the framework may take for a wish to boot again. */
  #panicked(line: string): void {
    this.#panic = line;
    setTimeout(() => {
      if (this.#over || this.#handle === undefined) return;
      this.#stopping = true;
      this.#shim.vm("stop", this.#handle, "cannot stop the VM", CHANGE_MS).catch(() => {})
        .finally(() => {
          this.#stopping = false;
          this.stopped(undefined);
        });
    }, PANIC_MS);
  }

  async #tellEnd(reason: () => Promise<string>): Promise<void> {
    if (this.#over) return;
    await this.#end(async () => ({ how: "failed", reason: await reason() }));
  }

  async #end(exit: VmExit | (() => Promise<VmExit>)): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    const told = typeof exit === "function" ? await exit() : exit;
    this.#vsock?.close();
    await this.#control.ended(told);
    await this.#clear();
    this.#settle();
  }

  async #clear(): Promise<void> {
    if (this.#handle !== undefined) await this.#shim.release(this.#handle).catch(() => {});
    this.#vsock?.close();
    this.#console?.close();
    for (const wire of this.#wires) wire?.close();
    await clearSockets(this.folder, this.#record.plan.nics.length);
  }
}

/** Sockets outlive who listened at them; nobody answers there. */
export async function clearSockets(folder: string, nics: number): Promise<void> {
  const names = [
    ...Object.values(SOCKETS),
    ...Array.from({ length: nics }, (_, at) => nicSocket(at)),
  ];
  for (const name of names) await Deno.remove(join(folder, name)).catch(() => {});
}
