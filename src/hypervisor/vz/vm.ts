import { join } from "node:path";
import type { Duplex } from "node:stream";
import { CtrError, withDeadline } from "../../core/mod.ts";
import {
  connectUnix,
  type Daemon,
  daemonGone,
  footprintBytes,
  killDaemon,
} from "../../host/mod.ts";
import type { Vm, VmExit } from "../hypervisor.ts";
import { FILE_NAME } from "../single_file.ts";
import { Control } from "./control.ts";
import { clearSockets } from "./held_vm.ts";
import { lastLogLine } from "./monitor_log.ts";
import type { CallBody } from "./protocol.ts";
import { SOCKETS, type VmRecord } from "./record.ts";
import { endSharing } from "./shares.ts";
import { readLine } from "./vsock_server.ts";

const CALL_MS = 30_000;
/** Gigabytes of memory to a slow disk. */
const SAVE_MS = 310_000;
/** A monitor is a program that is loaded, a library, and a process of the framework. */
const START_MS = 60_000;
const GONE_MS = 10_000;

/** How long a monitor may be silent. */
export interface Patience {
  readonly everyMs: number;
  readonly deadlineMs: number;
}
/** Whoever is waited for longer than this has no guest that runs either. */
export const PATIENCE: Patience = { everyMs: 10_000, deadlineMs: 30_000 };

/** A VM whose monitor is `ctr vm`, ours or an earlier engine's. */
export class VzVm implements Vm {
  readonly id: string;
  readonly pid: number;
  readonly accelerator = "vz";
  readonly shareMounts: Vm["shareMounts"];
  readonly timing: { readonly startedMs: number; readonly spawnedMs: number };
  readonly #folder: string;
  readonly #record: VmRecord;
  readonly #daemon: Daemon;
  readonly #control: Control;
  readonly #gone = new AbortController();
  readonly #exit: Promise<VmExit>;
  #released = false;
  #endedByUs = false;
  #hung: string | undefined;
  #pinging: ReturnType<typeof setInterval>;

  private constructor(
    folder: string,
    record: VmRecord,
    daemon: Daemon,
    control: Control,
    patience: Patience,
  ) {
    this.#folder = folder;
    this.#record = record;
    this.#daemon = daemon;
    this.#control = control;
    this.id = record.id;
    this.pid = daemon.pid;
    this.shareMounts = Object.fromEntries(record.shares.map(({ tag, readonly, single }) => [tag, {
      type: "virtiofs" as const,
      options: readonly ? ["ro"] : [],
      ...(single && { file: FILE_NAME }),
    }]));
    this.timing = { startedMs: record.startedMs, spawnedMs: Date.now() };
    this.#exit = this.#watch();
    this.#pinging = setInterval(() => void this.#ping(patience.deadlineMs), patience.everyMs);
    Deno.unrefTimer(this.#pinging);
  }

  /**
   * Connects to the monitor and waits until the VM runs.
   *
   * @throws {CtrError} Why it does not; `timeout`. The monitor may live then.
   */
  static async open(
    folder: string,
    record: VmRecord,
    daemon: Daemon,
    patience: Patience,
  ): Promise<VzVm> {
    const gone = new AbortController();
    daemon.status?.then(() => gone.abort());
    let control: Control;
    try {
      control = await Control.connect(join(folder, SOCKETS.control), {
        deadlineMs: START_MS,
        signal: gone.signal,
      });
    } catch (error) {
      if (!gone.signal.aborted) throw error;
      const said = await lastLogLine(record.monitor) ?? "it said nothing";
      const message = `cannot start VM "${record.id}": its monitor ended: ${said}`;
      throw new CtrError("unavailable", message, { cause: error });
    }
    return new VzVm(folder, record, daemon, control, patience);
  }

  async connect(
    port: number,
    options: { deadlineMs: number; signal?: AbortSignal },
  ): Promise<Duplex> {
    const what = `connecting to port ${port} of VM "${this.id}"`;
    if (this.#gone.signal.aborted) throw this.#endedError();
    return await withDeadline(what, options.deadlineMs, async (signal) => {
      const until = AbortSignal.any([signal, this.#gone.signal]);
      const path = join(this.#folder, SOCKETS.vsock);
      try {
        return await openPort(path, port, { ...options, what, signal: until });
      } catch (error) {
        signal.throwIfAborted();
        if (this.#gone.signal.aborted) throw this.#endedError(error);
        throw await this.#whyUnreachable(error);
      }
    }, options.signal);
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#endedByUs = true;
    try {
      const until = performance.now() + deadlineMs;
      await this.#control.call({ call: "stop" }, deadlineMs);
      const leftMs = Math.max(1, until - performance.now());
      await withDeadline("waiting for the VM to end", leftMs, () => this.#exit);
    } catch {
      await this.kill();
    }
  }

  async kill(): Promise<void> {
    this.#endedByUs = true;
    if (this.#shared && !this.#gone.signal.aborted) {
      const stopped = await this.#control.call({ call: "stop" }, GONE_MS).then(
        () => true,
        () => false,
      );
      if (!stopped && !this.#gone.signal.aborted) await killDaemon(this.#daemon, GONE_MS);
    } else if (!this.#shared) await killDaemon(this.#daemon, GONE_MS);
    await this.#exit;
  }

  wait(): Promise<VmExit> {
    return this.#exit;
  }

  /** The monitor's alone: the guest's memory belongs to a process of the framework. */
  async footprintBytes(): Promise<number> {
    const bytes = await footprintBytes(this.pid);
    if (bytes === undefined) throw this.#endedError();
    return bytes;
  }

  async balloon(targetBytes: number): Promise<void> {
    const MIB = 2 ** 20;
    await this.#call({ call: "balloon", bytes: Math.floor(targetBytes / MIB) * MIB });
  }

  async pause(): Promise<void> {
    await this.#call({ call: "pause" });
  }

  async resume(): Promise<void> {
    await this.#call({ call: "resume" });
  }

  async save(path: string): Promise<void> {
    await this.#control.call({ call: "save", path }, SAVE_MS);
  }

  release(): void {
    this.#released = true;
    this.#daemon.unref?.();
    this.#letGo();
  }

  /** Its monitor holds a network and other VMs too. */
  get #shared(): boolean {
    return this.#record.monitor !== this.#folder;
  }

  async #call(body: CallBody): Promise<void> {
    await this.#control.call(body, CALL_MS);
  }

  #letGo(): void {
    clearInterval(this.#pinging);
    this.#control.close();
  }

  /** A monitor that does not answer holds a guest that nobody can reach: it ends, with a sentence. */
  async #ping(deadlineMs: number): Promise<void> {
    try {
      await this.#control.call({ call: "ping" }, deadlineMs);
    } catch {
      if (this.#released || this.#gone.signal.aborted || this.#hung !== undefined) return;
      this.#hung = `its monitor hung: it did not answer for ${deadlineMs / 1000}s`;
      await killDaemon(this.#daemon, GONE_MS).catch(() => {});
    }
  }

  async #watch(): Promise<VmExit> {
    await this.#control.closed;
    this.#gone.abort();
    this.#letGo();
    if (this.#released) return await new Promise<never>(() => {});
    const { broken } = this.#control;
    if (broken !== undefined) await killDaemon(this.#daemon, GONE_MS).catch(() => {});
    if (!this.#shared) {
      await (this.#daemon.status ??
        daemonGone(this.#daemon, GONE_MS).catch(() => killDaemon(this.#daemon, GONE_MS)));
    }
    const exit = await this.#howItEnded();
    await clearSockets(this.#folder, this.#record.plan.nics.length);
    await endSharing(this.#folder, this.#record.shares.length);
    return exit;
  }

  async #howItEnded(): Promise<VmExit> {
    if (this.#endedByUs) return { how: "stopped" };
    const { ended, broken } = this.#control;
    if (ended !== undefined) return ended;
    if (this.#hung !== undefined) return { how: "failed", reason: this.#hung };
    if (broken !== undefined) return { how: "failed", reason: `its monitor is broken: ${broken}` };
    const status = await this.#daemon.status;
    if (status?.signal) {
      return { how: "failed", reason: `its monitor was killed by ${status.signal}` };
    }
    const said = await lastLogLine(this.#record.monitor);
    return { how: "failed", reason: `its monitor ended: ${said ?? "it was killed"}` };
  }

  async #whyUnreachable(cause: unknown): Promise<CtrError> {
    const exit = await withDeadline("waiting for the VM's end", 2000, () => this.#exit)
      .catch(() => undefined);
    if (exit?.how === "failed") {
      return new CtrError("unavailable", `cannot reach VM "${this.id}": ${exit.reason}`, { cause });
    }
    return this.#endedError(cause);
  }

  #endedError(cause?: unknown): CtrError {
    return new CtrError("unavailable", `cannot reach VM "${this.id}": it has ended`, { cause });
  }
}

/** The guest's port behind the monitor's socket; resolves when somebody in the guest listens there. */
async function openPort(
  path: string,
  port: number,
  options: { readonly deadlineMs: number; readonly what: string; readonly signal: AbortSignal },
): Promise<Duplex> {
  const socket = await connectUnix(path, options);
  socket.on("error", () => {}); // before anybody else listens; "close" follows
  const aborted = () => void socket.destroy();
  options.signal.addEventListener("abort", aborted, { once: true });
  try {
    options.signal.throwIfAborted();
    socket.write(`CONNECT ${port}\n`);
    if (await readLine(socket, 16) !== "OK") throw new Error("the monitor answered something else");
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    options.signal.removeEventListener("abort", aborted);
  }
}
