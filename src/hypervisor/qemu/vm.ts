import type { Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { CtrError, isCtrError, withDeadline } from "../../core/mod.ts";
import {
  connectUnix,
  type Daemon,
  daemonGone,
  footprintBytes,
  killDaemon,
} from "../../host/mod.ts";
import { type ConsoleLog, lastWords } from "../console.ts";
import type { Vm, VmExit } from "../hypervisor.ts";
import { SOCKETS } from "./arguments.ts";
import { qemuConsole } from "./console.ts";
import { clearSockets, lastLogLine, trimLog } from "./leftovers.ts";
import { Qmp, type QmpEvent } from "./qmp.ts";
import { DAEMON, type VmRecord } from "./record.ts";
import { beginSession } from "./serial.ts";
import {
  daemonName,
  endShareDaemons,
  findShareDaemons,
  firstLost,
  settleShareDaemons,
  type ShareDaemon,
} from "./share_daemons.ts";
import { shareMount } from "./shares.ts";
import { connectVsock } from "./vsock.ts";

/** The one port that a guest has behind virtio-serial. */
const SERIAL_PORT = 1024;
/** The monitor answers between two guest instructions blocks; under load that is still far less. */
const QMP_DEADLINE_MS = 10_000;
/** From the close of QEMU's sockets or SIGKILL to the process's end: memory is given back then. */
const GONE_DEADLINE_MS = 10_000;
const TRIM_LOG_MS = 10_000;
/** A guest that listens answers in milliseconds. */
const ANSWER_MS = 5000;

/** A running QEMU, ours or an earlier engine's. */
export class QemuVm implements Vm {
  readonly id: string;
  readonly pid: number;
  readonly accelerator: string;
  readonly shareMounts: Vm["shareMounts"];
  timing: { readonly startedMs: number; readonly spawnedMs: number };
  #folder: string;
  #record: VmRecord;
  #daemon: Daemon;
  #qmp!: Qmp;
  #console: ConsoleLog;
  #exit: Promise<VmExit>;
  #released = false;
  #endedByUs = false;
  /** Aborted once QEMU has ended. */
  #gone = new AbortController();
  #shutdown: QmpEvent | undefined;
  #shareDaemons: readonly ShareDaemon[];
  /** What the share was of whose daemon has ended under the guest. */
  #lostShare: string | undefined;
  #rpc: Socket | undefined;
  #ticker: ReturnType<typeof setInterval>;

  private constructor(
    folder: string,
    record: VmRecord,
    daemon: Daemon,
    shareDaemons: readonly ShareDaemon[],
  ) {
    this.#folder = folder;
    this.#record = record;
    this.#daemon = daemon;
    this.id = record.id;
    this.pid = daemon.pid;
    this.accelerator = record.accelerator;
    this.shareMounts = Object.fromEntries(
      record.shares.map((share) => [share.tag, shareMount(share)]),
    );
    this.#shareDaemons = shareDaemons;
    this.timing = { startedMs: record.startedMs, spawnedMs: Date.now() };
    this.#console = qemuConsole(join(folder, SOCKETS.console), record.console);
    this.#ticker = setInterval(() => this.#trimLogs(), TRIM_LOG_MS);
    Deno.unrefTimer(this.#ticker);
    this.#exit = Promise.resolve({ how: "stopped" }); // until #open
  }

  /**
   * Connects to the QEMU that `daemon` is and waits until all its devices exist.
   *
   * @param started The daemons of its shares, if they are ours; else they are looked for.
   * @throws {CtrError} `unavailable` with QEMU's own last words if it ends first; `timeout`.
   */
  static async open(
    folder: string,
    record: VmRecord,
    daemon: Daemon,
    started?: readonly ShareDaemon[],
  ): Promise<QemuVm> {
    const served = record.shares.filter(({ transport }) => transport === "virtiofs");
    const found = started ?? await findShareDaemons(folder, served.map(({ path }) => path));
    const living = found.flatMap(({ path, daemon }) => daemon ? [{ path, daemon }] : []);
    const vm = new QemuVm(folder, record, daemon, living);
    vm.#lostShare = found.find(({ daemon }) => daemon === undefined)?.path;
    const gone = new AbortController();
    daemon.status?.then(() => gone.abort());
    try {
      vm.#qmp = await Qmp.connect(join(folder, SOCKETS.monitor), (event) => vm.#take(event), {
        deadlineMs: QMP_DEADLINE_MS,
        signal: gone.signal,
      });
    } catch (error) {
      vm.#letGo();
      if (!gone.signal.aborted && !await endsSoon(daemon)) throw error;
      const said = await lastLogLine(folder) ?? "it said nothing";
      throw new CtrError("unavailable", `cannot start VM "${record.id}": QEMU ended: ${said}`, {
        cause: error,
      });
    }
    vm.#exit = vm.#watch();
    vm.#watchShares();
    vm.timing = { startedMs: record.startedMs, spawnedMs: Date.now() };
    return vm;
  }

  async connect(
    port: number,
    options: { deadlineMs: number; signal?: AbortSignal },
  ): Promise<Duplex> {
    const what = `connecting to port ${port} of VM "${this.id}"`;
    const { cid } = this.#record;
    if (cid !== undefined) return await connectVsock(cid, port, { ...options, what });
    if (this.#gone.signal.aborted) throw ended(this.id);
    if (port !== SERIAL_PORT) {
      const why = `this host has no vsock, so only port ${SERIAL_PORT} exists`;
      throw new CtrError("unsupported", `cannot connect to port ${port} of the guest: ${why}`);
    }
    return await withDeadline(
      what,
      options.deadlineMs,
      (signal) => this.#connectSerial(signal),
      options.signal,
    );
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#endedByUs = true;
    try {
      const until = performance.now() + deadlineMs;
      await this.#qmp.execute("quit", {}, { deadlineMs });
      await withDeadline(
        "waiting for QEMU to end",
        Math.max(1, until - performance.now()),
        () => this.#exit,
      );
    } catch {
      await this.kill();
    }
  }

  async kill(): Promise<void> {
    this.#endedByUs = true;
    await killDaemon(this.#daemon, GONE_DEADLINE_MS);
    await this.#exit;
  }

  wait(): Promise<VmExit> {
    return this.#exit;
  }

  async footprintBytes(): Promise<number> {
    const bytes = await footprintBytes(this.pid);
    if (bytes === undefined) throw ended(this.id);
    return bytes;
  }

  async balloon(targetBytes: number): Promise<void> {
    await this.#execute("balloon", { value: Math.floor(targetBytes) });
  }

  async pause(): Promise<void> {
    await this.#execute("stop");
  }

  async resume(): Promise<void> {
    await this.#execute("cont");
  }

  save(): Promise<void> {
    const fact = "its hypervisor cannot";
    const message = `cannot save VM "${this.id}": ${fact}`;
    return Promise.reject(new CtrError("unsupported", message));
  }

  release(): void {
    this.#released = true;
    this.#daemon.unref?.();
    for (const { daemon } of this.#shareDaemons) daemon.unref?.();
    this.#letGo();
  }

  /** Every connection and timer; the process is not touched. */
  #letGo(): void {
    clearInterval(this.#ticker);
    this.#rpc?.destroy();
    this.#console.close();
    this.#qmp?.close();
  }

  #trimLogs(): void {
    void trimLog(this.#folder);
    this.#shareDaemons.forEach((_, at) => void trimLog(this.#folder, daemonName(at)));
  }

  /** Without its daemon whoever touches the share hangs for ever, so the VM ends with it. */
  #watchShares(): void {
    if (this.#lostShare !== undefined) return void killDaemon(this.#daemon, GONE_DEADLINE_MS);
    if (this.#shareDaemons.length === 0) return;
    firstLost(this.#shareDaemons, this.#gone.signal).then(async ({ path }) => {
      if (this.#released || await endsSoon(this.#daemon)) return; // they end with QEMU
      this.#lostShare = path;
      await killDaemon(this.#daemon, GONE_DEADLINE_MS);
    }).catch(() => {});
  }

  #execute(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    return this.#qmp.execute(command, args, { deadlineMs: QMP_DEADLINE_MS });
  }

  #take(event: QmpEvent): void {
    if (event.event === "SHUTDOWN") this.#shutdown = event;
  }

  /**
   * A port whose last host was killed while the guest wrote may stay deaf to the next one; to one
   * more it listens again. A guest that still boots only hears later.
   */
  async #connectSerial(signal: AbortSignal): Promise<Duplex> {
    const what = "waiting for the guest's answer";
    for (;;) {
      try {
        return await withDeadline(what, ANSWER_MS, (open) => this.#openSession(open), signal);
      } catch (error) {
        if (signal.aborted || !isCtrError(error, "timeout")) throw error;
      }
    }
  }

  async #openSession(signal: AbortSignal): Promise<Duplex> {
    this.#rpc?.destroy(); // QEMU serves one client; the next waits in its backlog until this one left
    const path = join(this.#folder, SOCKETS.rpc);
    const what = "opening the guest's port";
    let socket: Socket | undefined;
    try {
      // A QEMU that ends now refuses: without the signal that would be tried until the deadline.
      const open = AbortSignal.any([signal, this.#gone.signal]);
      socket = await connectUnix(path, { deadlineMs: QMP_DEADLINE_MS, what, signal: open });
      this.#rpc = socket;
      socket.on("error", () => {}); // before anybody else listens; "close" follows
      await beginSession(socket, signal);
    } catch (error) {
      socket?.destroy();
      signal.throwIfAborted();
      throw await this.#whyUnreachable(error);
    }
    return socket;
  }

  /** The port closes with QEMU, or with a later `connect()`; the monitor's end says which. */
  async #whyUnreachable(cause: unknown): Promise<CtrError> {
    const exit = await withDeadline("waiting for QEMU's end", 2000, () => this.#exit)
      .catch(() => undefined);
    if (exit?.how === "failed") {
      const message = `cannot reach VM "${this.id}": ${exit.reason}`;
      return new CtrError("unavailable", message, { cause });
    }
    if (exit?.how === "stopped") return ended(this.id, cause);
    const message = `cannot reach VM "${this.id}": another connection has taken its port`;
    return new CtrError("unavailable", message, { cause });
  }

  /** QEMU closes the monitor's connection when it ends, however it ends: no polling until then. */
  async #watch(): Promise<VmExit> {
    await this.#qmp.closed;
    this.#gone.abort();
    if (this.#released) return await new Promise<never>(() => {});
    await (this.#daemon.status ?? daemonGone(this.#daemon, GONE_DEADLINE_MS)
      .catch(() => killDaemon(this.#daemon, GONE_DEADLINE_MS)));
    await withDeadline("reading the console", 1000, () => this.#console.done).catch(() => {});
    this.#letGo();
    const exit = await this.#howItEnded();
    await settleShareDaemons(this.#shareDaemons).catch(() => {});
    await endShareDaemons(this.#folder, this.#record.shares.length).catch(() => {});
    await clearSockets(this.#folder);
    return exit;
  }

  async #howItEnded(): Promise<VmExit> {
    if (this.#endedByUs) return { how: "stopped" };
    if (this.#lostShare !== undefined) {
      const reason = `the share of "${this.#lostShare}" was lost: its virtiofsd has ended`;
      return { how: "failed", reason };
    }
    const status = await this.#daemon.status;
    const words = await lastWords(this.#record.console);
    const tail = words === undefined ? "" : `; its last words: ${words}`;
    if (this.#shutdown?.data.guest === true) {
      return { how: "failed", reason: `the guest ended by itself${tail}` };
    }
    if (status?.signal) {
      return { how: "failed", reason: `${DAEMON} was killed by ${status.signal}` };
    }
    if (this.#shutdown !== undefined) {
      return {
        how: "failed",
        reason: `${DAEMON} was told to end (${String(this.#shutdown.data.reason)})`,
      };
    }
    const said = await lastLogLine(this.#folder);
    return { how: "failed", reason: `${DAEMON} ended: ${said ?? "it was killed"}` };
  }
}

function ended(id: string, cause?: unknown): CtrError {
  return new CtrError("unavailable", `cannot reach VM "${id}": it has ended`, { cause });
}

/** True if the process ends within the moment that its closed socket may be ahead of it. */
async function endsSoon(daemon: Daemon): Promise<boolean> {
  return await daemonGone(daemon, 200).then(() => true, () => false);
}
