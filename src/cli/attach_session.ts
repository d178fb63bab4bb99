import type { Exit, Started } from "../api/mod.ts";
import { Frame } from "../api/wire/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { Input } from "./attach_input.ts";
import { Uplink } from "./attach_link.ts";
import { OutputClosed, writeOutput } from "./attach_output.ts";
import type { Signals } from "./attach_signals.ts";
import { DetachKeys } from "./detach_keys.ts";
import { type EngineClient, isLost } from "./engine_client.ts";
import { engineError, EngineGone } from "./errors.ts";
import { readFrames, type Received } from "./frame_reader.ts";
import { rawTerminal, terminalSize } from "./terminal.ts";

export interface AttachOptions {
  /** The container's ID, or what the user typed. */
  readonly container: string;
  /** Of `exec`; `undefined`: the first process. */
  readonly processId?: string;
  readonly start: boolean;
  /** Output from here on; `undefined`: what comes from now on. */
  readonly from: bigint | undefined;
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly detachKeys: Uint8Array;
  /** What becomes of the process when nobody reads its output any more. */
  readonly whenOutputCloses: "end" | "leave";
  readonly signals: Signals;
  onStarted?(started: Started): Promise<void> | void;
  /** Called with the first byte of output. */
  onOutput?(): void;
}

export type AttachEnd =
  | { readonly kind: "exit"; readonly exit: Exit }
  | { readonly kind: "detached" | "abandoned" | "output-closed" };

/** Time for a process to notice SIGPIPE. It is the same as for `yes | head`: next to none. */
const PIPE_GRACE_MS = 1000;
/** An engine that dies this often in a row without a word will not get better. */
const MOST_LOSSES = 5;
const GONE_PAUSE_MS = 50;

/** Joins the streams of a process with ours until it ends or the user leaves. */
export class AttachSession {
  readonly #app: App;
  readonly #options: AttachOptions;
  readonly #uplink = new Uplink();
  readonly #input: Input | undefined;
  #next: bigint | undefined;
  #started = false;
  #sawOutput = false;
  #outputClosed = false;
  #left: "detached" | "abandoned" | "output-closed" | undefined;
  #losses = 0;
  #restoreTerminal = () => {};

  constructor(app: App, options: AttachOptions) {
    this.#app = app;
    this.#options = options;
    this.#next = options.from;
    const keys = options.tty && options.stdin ? new DetachKeys(options.detachKeys) : undefined;
    this.#input = options.stdin ? new Input(this.#uplink, keys, !options.start) : undefined;
  }

  /**
   * @throws {CtrError} What the engine says; `unavailable` when it is lost for good.
   */
  async run(engine: EngineClient): Promise<AttachEnd> {
    try {
      let start = this.#options.start;
      for (let first = true;; first = false) {
        const end = await this.#connect(engine, start, first).catch((error) => {
          if (first || !(error instanceof EngineGone)) throw error;
        });
        if (end !== undefined) return end;
        ({ engine, start } = await this.#comeBack());
      }
    } finally {
      this.#restoreTerminal();
    }
  }

  /** @returns `undefined` when the connection was lost. */
  async #connect(
    engine: EngineClient,
    start: boolean,
    first: boolean,
  ): Promise<AttachEnd | undefined> {
    const { connection, rest } = await engine.upgrade(this.#path(start));
    this.#uplink.open(connection);
    if (first) this.#beginInput();
    else this.#input?.again();
    this.#resize();
    try {
      for await (const received of readFrames(connection, rest)) {
        this.#losses = 0;
        const end = await this.#receive(received);
        if (end !== undefined) return end;
      }
    } catch (error) {
      if (this.#left === undefined && !isLost(error)) throw error;
    } finally {
      if (this.#left === undefined) this.#uplink.lose();
    }
    return this.#left === undefined ? undefined : { kind: this.#left };
  }

  #path(start: boolean): string {
    const { container, processId, stdin } = this.#options;
    const query = new URLSearchParams();
    if (processId !== undefined) query.set("process", processId);
    if (start) query.set("start", "1");
    if (stdin) query.set("stdin", "1");
    if (this.#next !== undefined) query.set("from", String(this.#next));
    return `/containers/${encodeURIComponent(container)}/attach?${query}`;
  }

  #beginInput(): void {
    const { tty, signals } = this.#options;
    if (tty && this.#input) this.#restoreTerminal = rawTerminal(this.#app);
    if (tty) Deno.addSignalListener("SIGWINCH", () => this.#resize());
    signals.forward(
      (name) => this.#uplink.sendSurely(Frame.signal, new TextEncoder().encode(name)),
      tty ? undefined : () => this.#leave("abandoned"),
    );
    this.#input?.pump(Deno.stdin).then((detach) => detach && this.#leave("detached"));
  }

  #leave(how: "detached" | "abandoned" | "output-closed"): void {
    this.#left ??= how;
    this.#uplink.lose();
  }

  #resize(): void {
    const size = this.#options.tty ? terminalSize() : undefined;
    if (size === undefined) return;
    const payload = new Uint8Array(4);
    const view = new DataView(payload.buffer);
    view.setUint16(0, Math.min(size.rows, 65535));
    view.setUint16(2, Math.min(size.columns, 65535));
    this.#uplink.send(Frame.resize, payload);
  }

  async #receive(received: Received): Promise<AttachEnd | undefined> {
    if (received.kind === "output") {
      await this.#output(received);
      return undefined;
    }
    const { type, payload } = received;
    switch (type) {
      case Frame.stdinTaken:
        this.#input?.taken(new DataView(payload.buffer, payload.byteOffset).getBigUint64(0));
        return undefined;
      case Frame.started:
        if (!this.#started) {
          this.#started = true;
          await this.#options.onStarted?.(parse(payload) as Started);
        }
        return undefined;
      case Frame.exit:
        if (this.#outputClosed) return { kind: "output-closed" };
        return { kind: "exit", exit: parse(payload) as Exit };
      case Frame.error:
        throw engineError(parse(payload));
    }
    return undefined; // of a later version: not for us
  }

  async #output(received: Received & { kind: "output" }): Promise<void> {
    if (!this.#sawOutput) {
      this.#sawOutput = true;
      this.#options.onOutput?.();
    }
    let { bytes } = received;
    if (this.#next !== undefined && received.offset < this.#next) {
      const known = this.#next - received.offset;
      if (known >= BigInt(bytes.length)) return;
      bytes = bytes.subarray(Number(known));
    }
    this.#next = received.offset + BigInt(received.bytes.length);
    if (this.#outputClosed) return;
    try {
      await writeOutput(received.type === Frame.stderr ? Deno.stderr : Deno.stdout, bytes);
    } catch (error) {
      if (!(error instanceof OutputClosed)) throw error;
      this.#closed();
    }
  }

  #closed(): void {
    this.#outputClosed = true;
    if (this.#options.whenOutputCloses === "leave") return this.#leave("output-closed");
    const signal = (name: string) =>
      this.#uplink.sendSurely(Frame.signal, new TextEncoder().encode(name));
    signal("PIPE");
    // The first process of a PID namespace is spared the default action of every signal but KILL.
    Deno.unrefTimer(setTimeout(() => signal("KILL"), PIPE_GRACE_MS));
  }

  /** An engine that dies takes connections for a moment longer, so it may be lost again at once. */
  async #comeBack(): Promise<{ engine: EngineClient; start: boolean }> {
    while (++this.#losses <= MOST_LOSSES) {
      try {
        const engine = await this.#freshEngine();
        const start = this.#options.start && !this.#started && await this.#isCreated(engine);
        return { engine, start };
      } catch (error) {
        if (!(error instanceof EngineGone)) throw error;
        await new Promise((resolve) => setTimeout(resolve, GONE_PAUSE_MS));
      }
    }
    throw new CtrError("unavailable", "cannot stay attached: the engine ends again and again", {
      hint: 'see "ctr system logs"',
    });
  }

  async #freshEngine(): Promise<EngineClient> {
    const { startedEngine } = await import("./engine_start.ts");
    return await startedEngine(await this.#app.home());
  }

  /** The engine may have died before it started the container, or after. */
  async #isCreated(engine: EngineClient): Promise<boolean> {
    if (this.#options.processId !== undefined) return true;
    const path = `/containers/${encodeURIComponent(this.#options.container)}`;
    const container = await engine.get(path) as { status?: { state?: unknown } };
    return container.status?.state === "created";
  }
}

function parse(payload: Uint8Array): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(payload));
}
