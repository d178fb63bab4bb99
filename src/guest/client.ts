import type { Duplex } from "node:stream";
import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { CtrError, withDeadline } from "../core/mod.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import type { Call } from "./call.ts";
import { Connection } from "./connection.ts";
import { AcceptEventSchema, Guest, OutputEventSchema } from "./gen/guest_pb.ts";
import { beginSession } from "./preamble.ts";
import {
  containerMessage,
  count,
  emulatorMessage,
  limitsMessage,
  name,
  outputOf,
  processesOf,
  processMessage,
  statsOf,
  stepsOf,
} from "./translate.ts";
import {
  acceptedOf,
  containerStateOf,
  fileEventMessage,
  pathStatOf,
  streamMessage,
  topOf,
} from "./translate_files.ts";
import type {
  Accepted,
  ContainerSpec,
  EmulatorSpec,
  FileEvent,
  FreezeScope,
  GuestContainerState,
  GuestProcessState,
  GuestStats,
  GuestStep,
  LimitsSpec,
  ListenSpec,
  OutputEvent,
  PathStat,
  ProcessSpec,
  StartedProcess,
  StreamSpec,
  TopProcess,
} from "./types.ts";

const PROTOCOL = 1;
/** A call that only reads or sets something; a guest under emulation may be busy. */
const QUICK_MS = 30_000;
const START_MS = 120_000;
const MAX_REPLY_BYTES = 4 << 20;
/** What one call carries of input; larger input is sent piece by piece. */
export const MAX_INPUT_BYTES = 256 * 1024;

export interface ConnectOptions {
  readonly hostVersion: string;
  /** A serial port knows no connections, so a session on it begins with a preamble. */
  readonly transport: "vsock" | "serial";
  /** For the preamble and the first call together: the guest may still be booting. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Says hello to the guest behind `duplex` and returns its client, which owns the stream from then on.
 * The guest's clock is set to the host's.
 *
 * @throws {CtrError} `timeout`; `unavailable` if the stream ends; `unsupported` if the guest speaks
 * another protocol.
 */
export async function connectGuest(duplex: Duplex, options: ConnectOptions): Promise<GuestClient> {
  try {
    return await withDeadline(
      "waiting for vminitd",
      options.deadlineMs ?? START_MS,
      async (signal) => {
        if (options.transport === "serial") await beginSession(duplex, signal);
        return await GuestClient.hello(new Connection(duplex), options.hostVersion);
      },
      options.signal,
    );
  } catch (error) {
    duplex.destroy();
    throw error;
  }
}

/** What `vminitd` can do, in plain numbers. Every call has a deadline. */
export class GuestClient {
  readonly #connection: Connection;
  readonly #acknowledgements = new Acknowledgements((processId, offset) => {
    const request = { processId, offset: BigInt(offset) };
    return this.#call(Guest.method.acknowledge, `acknowledge output of ${processId}`, request);
  });
  /** What the guest did between its kernel and listening. */
  readonly bootSteps: readonly GuestStep[];
  readonly guestVersion: string;
  readonly kernelRelease: string;

  private constructor(
    connection: Connection,
    about: { bootSteps: GuestStep[]; guestVersion: string; kernelRelease: string },
  ) {
    this.#connection = connection;
    this.bootSteps = about.bootSteps;
    this.guestVersion = about.guestVersion;
    this.kernelRelease = about.kernelRelease;
  }

  static async hello(connection: Connection, hostVersion: string): Promise<GuestClient> {
    const reply = await unary(connection, Guest.method.hello, "greet the guest", {
      protocol: PROTOCOL,
      hostVersion,
      timeUnixNs: nanoseconds(Date.now()),
    }, START_MS);
    if (reply.protocol !== PROTOCOL) {
      throw new CtrError(
        "unsupported",
        `cannot talk to the guest: it speaks protocol ${reply.protocol}, this ctr ${PROTOCOL}`,
        { hint: "start the container again with this ctr" },
      );
    }
    return new GuestClient(connection, {
      bootSteps: stepsOf(reply.bootSteps),
      guestVersion: name(reply.guestVersion, "a version"),
      kernelRelease: name(reply.kernelRelease, "a version"),
    });
  }

  /** Resolves when the connection is gone, whoever closed it. */
  get closed(): Promise<void> {
    return this.#connection.closed;
  }

  close(): void {
    this.#connection.close();
  }

  /**
   * Sets the guest up for a container and starts its first process.
   *
   * @throws {CtrError} `command-not-found`, `not-executable`, `not-found` (a disk), `usage`, …
   */
  async startContainer(spec: ContainerSpec): Promise<StartedProcess> {
    const what = spec.process ? `start "${spec.process.args[0] ?? ""}"` : "set up the file system";
    const message = containerMessage(spec);
    return started(await this.#call(Guest.method.startContainer, what, message, START_MS));
  }

  async startProcess(containerId: string, process: ProcessSpec): Promise<StartedProcess> {
    const what = `start "${process.args[0] ?? ""}"`;
    const message = { containerId, process: processMessage(process) };
    return started(await this.#call(Guest.method.startProcess, what, message, START_MS));
  }

  /**
   * The output from an offset on, and the exit. Pulled: what is not asked for stays in the guest,
   * and the process waits when the guest's buffer is full.
   *
   * @param ended Called when a stream's output is over while its input is still taken: the other side
   * of a connection has closed one direction.
   */
  async *output(
    processId: string,
    from: number,
    signal?: AbortSignal,
    ended?: () => void,
  ): AsyncGenerator<OutputEvent, void> {
    const request = { processId, fromOffset: BigInt(from) };
    const method = Guest.method.output;
    const call = await begin(this.#connection, method, `follow process ${processId}`, request);
    const abort = () => call.cancel(cancelled(signal));
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    try {
      let expected = from;
      for (let bytes; (bytes = await call.next());) {
        const event = outputOf(fromBinary(OutputEventSchema, bytes), expected);
        if (event === "end") {
          ended?.();
          continue;
        }
        yield event;
        if (event.kind === "exit") return;
        expected = event.offset + event.data.length;
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      call.cancel(cancelled(signal));
    }
  }

  /**
   * Frees the guest's buffer up to an offset, soon: small steps are gathered, because each costs the
   * guest as much as a piece of output does.
   */
  async acknowledge(processId: string, offset: number): Promise<void> {
    await this.#acknowledgements.upTo(processId, offset);
  }

  /**
   * Hands input to a process. Waits for the process to read it, so only `signal` ends it early.
   *
   * @returns The offset of the next byte that is wanted.
   */
  async writeInput(
    processId: string,
    input: { readonly offset: number; readonly data: Uint8Array; readonly close: boolean },
    signal?: AbortSignal,
  ): Promise<number> {
    const data = input.data.subarray(0, MAX_INPUT_BYTES);
    const call = await begin(this.#connection, Guest.method.writeInput, `write to ${processId}`, {
      processId,
      offset: BigInt(input.offset),
      data: data as Uint8Array<ArrayBuffer>,
      close: input.close && data.length === input.data.length,
    });
    const abort = () => call.cancel(cancelled(signal));
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    try {
      const reply = fromBinary(Guest.method.writeInput.output, await call.single());
      return count(reply.offset, "an offset");
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  async resize(processId: string, rows: number, columns: number): Promise<void> {
    const request = { processId, rows, columns };
    await this.#call(Guest.method.resize, `resize the terminal of ${processId}`, request);
  }

  /** @param options `all`: every process of the container. */
  async signal(
    processId: string,
    signal: number,
    options: { readonly all: boolean } = { all: false },
  ): Promise<void> {
    const request = { processId, signal, all: options.all };
    await this.#call(Guest.method.signal, `signal process ${processId}`, request);
  }

  async processes(): Promise<readonly GuestProcessState[]> {
    return processesOf(
      (await this.#call(Guest.method.listProcesses, "list processes", {})).processes,
    );
  }

  /** Drops an ended process and its buffer. */
  async forget(processId: string): Promise<void> {
    this.#acknowledgements.drop(processId);
    await this.#call(Guest.method.forgetProcess, `forget process ${processId}`, { processId });
  }

  async setTime(unixMs: number): Promise<void> {
    const request = { timeUnixNs: nanoseconds(unixMs) };
    await this.#call(Guest.method.setTime, "set the guest's clock", request);
  }

  async stats(containerId: string): Promise<GuestStats> {
    return statsOf(await this.#call(Guest.method.stats, "read counters", { containerId }));
  }

  /**
   * Begins a stream that the guest itself serves; `output()`, `acknowledge()`, `writeInput()` and
   * `forget()` work on it under `id`. It ends with status 0, or 1 and an error.
   */
  async openStream(containerId: string, id: string, spec: StreamSpec): Promise<void> {
    const request = { id, containerId, ...streamMessage(spec) };
    await this.#call(Guest.method.openStream, `open a stream (${spec.kind})`, request);
  }

  /** Makes a unix socket inside the container; `accepted()` tells of its connections. */
  async listen(containerId: string, spec: ListenSpec): Promise<void> {
    const request = { containerId, ...spec };
    await this.#call(Guest.method.listen, `listen at "${spec.path}" in the container`, request);
  }

  async closeListener(id: string): Promise<void> {
    await this.#call(Guest.method.closeListener, "close a socket of the container", { id });
  }

  /** Connections to the container's listeners as they come, until `signal` or the connection ends. */
  async *accepted(containerId: string, signal?: AbortSignal): AsyncGenerator<Accepted, void> {
    const method = Guest.method.accept;
    const call = await begin(this.#connection, method, "accept connections", { containerId });
    const abort = () => call.cancel(cancelled(signal));
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    try {
      for (let bytes; (bytes = await call.next());) {
        yield acceptedOf(fromBinary(AcceptEventSchema, bytes));
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      call.cancel(cancelled(signal));
    }
  }

  /** @throws {CtrError} `not-found`. */
  async statPath(containerId: string, path: string): Promise<PathStat> {
    const request = { containerId, path };
    return pathStatOf(await this.#call(Guest.method.statPath, `look at "${path}"`, request));
  }

  /** Stops processes where they are, or makes the writable disk whole and quiet (60 s at most). */
  async freeze(containerId: string, scope: FreezeScope): Promise<void> {
    await this.#call(Guest.method.freeze, "freeze the container", { containerId, ...scope });
  }

  async thaw(containerId: string, scope: FreezeScope): Promise<void> {
    await this.#call(Guest.method.thaw, "thaw the container", { containerId, ...scope });
  }

  /** Sets the limits that are not 0. */
  async update(containerId: string, limits: LimitsSpec): Promise<void> {
    const request = { containerId, limits: limitsMessage(limits) };
    await this.#call(Guest.method.update, "set limits", request);
  }

  /** @param ports Ask for those that somebody listens at. */
  async containerState(containerId: string, ports = false): Promise<GuestContainerState> {
    const request = { containerId, ports };
    return containerStateOf(await this.#call(Guest.method.containerState, "look at it", request));
  }

  async top(containerId: string): Promise<readonly TopProcess[]> {
    return topOf(await this.#call(Guest.method.top, "list its processes", { containerId }));
  }

  /** Raises inotify events for what the host has changed below a shared folder. */
  async fileEvents(
    containerId: string,
    destination: string,
    events: readonly FileEvent[],
  ): Promise<void> {
    const request = { containerId, destination, events: events.map(fileEventMessage) };
    await this.#call(Guest.method.fileEvents, "tell of changed files", request);
  }

  /**
   * Ends a container and takes apart what was set up for it; what it has changed stays on its disk.
   *
   * @param options `settle`: the host can read it from then on, while others use the disk.
   */
  async removeContainer(
    containerId: string,
    options: { readonly settle: boolean } = { settle: false },
  ): Promise<void> {
    const request = { containerId, settle: options.settle };
    await this.#call(Guest.method.removeContainer, "take it apart", request, START_MS);
  }

  /** Removes folders of a writable disk, with all that is in them. */
  async removeFolders(serial: string, folders: readonly string[]): Promise<void> {
    const request = { serial, folders: [...folders] };
    await this.#call(Guest.method.removeFolders, "remove files", request, START_MS);
  }

  async addEmulator(spec: EmulatorSpec): Promise<void> {
    const what = `run programs of ${spec.name}`;
    await this.#call(Guest.method.addEmulator, what, emulatorMessage(spec));
  }

  /** Ends every process, unmounts, trims and syncs. */
  async shutdown(graceMs: number): Promise<void> {
    await this.#call(Guest.method.shutdown, "shut down", { graceMs }, graceMs + QUICK_MS);
  }

  #call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    what: string,
    request: MessageInitShape<I>,
    deadlineMs = QUICK_MS,
  ): Promise<MessageShape<O>> {
    return unary(this.#connection, method, what, request, deadlineMs);
  }
}

async function unary<I extends DescMessage, O extends DescMessage>(
  connection: Connection,
  method: DescMethodUnary<I, O>,
  what: string,
  request: MessageInitShape<I>,
  deadlineMs: number,
): Promise<MessageShape<O>> {
  const reply = await withDeadline(what, deadlineMs, async (signal) => {
    const call = await begin(connection, method, what, request);
    signal.addEventListener("abort", () => call.cancel(signal.reason), { once: true });
    return await call.single();
  });
  return fromBinary(method.output, reply);
}

async function begin<I extends DescMessage, O extends DescMessage>(
  connection: Connection,
  method: DescMethodUnary<I, O> | DescMethodServerStreaming<I, O>,
  what: string,
  request: MessageInitShape<I>,
): Promise<Call> {
  const path = `/${method.parent.typeName}/${method.name}`;
  const bytes = toBinary(method.input, create(method.input, request));
  return await connection.call(path, bytes, { what, limit: MAX_REPLY_BYTES });
}

function started(reply: MessageShape<typeof Guest.method.startProcess.output>): StartedProcess {
  return {
    pid: reply.pid,
    atMs: Number(reply.startedUnixNs) / 1e6,
    steps: stepsOf(reply.steps),
    forkExecMs: Number(reply.forkExecNs) / 1e6,
  };
}

function nanoseconds(unixMs: number): bigint {
  return BigInt(Math.round(unixMs * 1000)) * 1000n;
}

function cancelled(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error
    ? signal.reason
    : new CtrError("cancelled", "the call was cancelled");
}
