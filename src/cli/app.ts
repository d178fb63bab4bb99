import type { EngineClient } from "./engine_client.ts";

/** Where lines go. Writes are synchronous: what was printed is out when the process ends. */
export interface Output {
  readonly isTerminal: boolean;
  write(text: string): void;
  line(text: string): void;
}

/** All that a command touches. */
export interface App {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Escape sequences for colours may be written to standard error. */
  readonly color: boolean;
  env(name: string): string | undefined;
  /** The folder of everything that ctr owns. */
  home(): Promise<string>;
  /** The engine, started when it does not run. */
  engine(): Promise<EngineClient>;
  /** The engine, if it runs. */
  runningEngine(): Promise<EngineClient | undefined>;
  /** Run before the process ends, however it ends. */
  onRestore(restore: () => void): void;
  restore(): void;
  debug: boolean;
  /** A failure of ctr is 125: statuses below belong to the process in the container. */
  ownsLowStatuses: boolean;
  /** What the process ends with when nothing was thrown. */
  exitStatus: number;
}

export function createApp(): App {
  const restorers: (() => void)[] = [];
  let engine: Promise<EngineClient> | undefined;
  const stderr = output(Deno.stderr);
  const app: App = {
    stdout: output(Deno.stdout),
    stderr,
    color: stderr.isTerminal && !Deno.env.get("NO_COLOR") && Deno.env.get("TERM") !== "dumb",
    env: (name) => Deno.env.get(name),
    home: async () => (await import("../host/mod.ts")).ctrHome(),
    engine: () =>
      engine ??= import("./engine_start.ts").then(async (start) =>
        start.startedEngine(await app.home())
      ),
    runningEngine: async () => (await import("./engine_start.ts")).runningEngine(await app.home()),
    onRestore: (restore) => void restorers.push(restore),
    restore: () => {
      for (const restore of restorers.splice(0)) restore();
    },
    debug: false,
    ownsLowStatuses: false,
    exitStatus: 0,
  };
  return app;
}

function output(file: { writeSync(bytes: Uint8Array): number; isTerminal(): boolean }): Output {
  const encoder = new TextEncoder();
  const write = (text: string) => {
    const bytes = encoder.encode(text);
    for (let at = 0; at < bytes.length;) at += writeSome(file, bytes.subarray(at));
  };
  return { isTerminal: file.isTerminal(), write, line: (text) => write(`${text}\n`) };
}

/** A descriptor that another process made non-blocking is full for a moment now and then. */
function writeSome(file: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): number {
  try {
    return file.writeSync(bytes);
  } catch (error) {
    if (!(error instanceof Deno.errors.WouldBlock)) throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    return 0;
  }
}
