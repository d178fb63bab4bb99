import { API_VERSION, CTR_VERSION, ENGINE_SOCKET } from "../api/wire/mod.ts";
import { CtrError, lockFile, withDeadline } from "../core/mod.ts";
import { EngineClient, isLost } from "./engine_client.ts";
import { engineCommand } from "./engine_command.ts";
import { EngineGone } from "./errors.ts";
import { connectSocket } from "./http.ts";

const READY_MS = 10_000;
/** What the system needs to take a killed process apart. */
const DYING_MS = 5000;

/** The engine of this home, if it runs. */
export async function runningEngine(home: string): Promise<EngineClient | undefined> {
  const socket = `${home}/${ENGINE_SOCKET}`;
  return await listens(socket) ? new EngineClient(socket) : undefined;
}

/**
 * The engine of this home, started when it does not run.
 *
 * An engine that speaks another version of the API is replaced when nothing runs in it.
 *
 * @throws {CtrError} `timeout` or `unavailable` with the last line of its log.
 */
export async function startedEngine(home: string): Promise<EngineClient> {
  const found = await livingEngine(home);
  if (found === undefined) return await start(home);
  const { engine: running, api, version } = found;
  if (api === API_VERSION) return running;
  const { running: containers } = await running.get("/status") as { running?: unknown };
  if (containers !== 0) {
    throw new CtrError(
      "unsupported",
      `cannot use the engine: it is of ctr ${version} and this is ctr ${CTR_VERSION}`,
      { hint: `stop its ${containers} containers with the other ctr, then try again` },
    );
  }
  await running.post("/shutdown", {}, {});
  await untilGone(`${home}/${ENGINE_SOCKET}`);
  return await start(home);
}

interface LivingEngine {
  readonly engine: EngineClient;
  readonly api: unknown;
  readonly version: unknown;
}

/** The engine that answers. One that was killed takes connections for a moment longer. */
async function livingEngine(home: string): Promise<LivingEngine | undefined> {
  for (const until = performance.now() + DYING_MS;;) {
    const engine = await runningEngine(home);
    if (engine === undefined) return undefined;
    try {
      const { api, version } = await engine.get("/version") as Omit<LivingEngine, "engine">;
      return { engine, api, version };
    } catch (error) {
      if (!(error instanceof EngineGone) || performance.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Starts the engine unless another process did so meanwhile. */
async function start(home: string): Promise<EngineClient> {
  await makeHome(home);
  using _lock = await lockFile(`${home}/run/start.lock`, "the start of the engine", 2 * READY_MS);
  const socket = `${home}/${ENGINE_SOCKET}`;
  if (!await listens(socket)) await spawnEngine(home, socket);
  return new EngineClient(socket);
}

async function makeHome(home: string): Promise<void> {
  try {
    await Deno.mkdir(`${home}/run`, { recursive: true, mode: 0o700 });
  } catch (error) {
    const fact = error instanceof Error ? error.message : String(error);
    throw new CtrError("denied", `cannot make "${home}": ${fact}`, {
      hint: "set CTR_HOME to a folder of your own",
      cause: error,
    });
  }
}

/**
 * The engine runs in a session of its own and outlives us. What it says before it has a log, or
 * when it dies, goes to the log as well: the shell sets that up and becomes the engine.
 */
async function spawnEngine(home: string, socket: string): Promise<void> {
  const log = `${home}/run/engine.log`;
  const child = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      'log=$1; shift; umask 077; exec "$@" >>"$log" 2>&1',
      "sh",
      log,
      ...engineCommand(),
    ],
    cwd: home,
    env: { CTR_HOME: home },
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  child.unref();
  let ended: Deno.CommandStatus | undefined;
  child.status.then((status) => ended = status);
  const until = performance.now() + READY_MS;
  // A connection costs 0.1 ms, so it is looked for often: the start of every first command waits.
  while (!await listens(socket)) {
    if (ended !== undefined || performance.now() > until) {
      const fact = ended === undefined
        ? `it was not ready after ${READY_MS / 1000}s`
        : `it ended with status ${ended.code}`;
      const last = await lastWords(log);
      throw new CtrError(
        ended === undefined ? "timeout" : "unavailable",
        `cannot start the engine: ${fact}${last.error && `: ${last.error}`}`,
        { hint: last.hint ?? `see ${log}, and "ctr doctor"` },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
}

async function listens(socket: string): Promise<boolean> {
  try {
    (await connectSocket(socket)).close();
    return true;
  } catch (error) {
    if (isLost(error)) return false;
    if ((error as { code?: string }).code === "ENOENT") return false; // its folder is not there
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new CtrError("denied", `cannot reach the engine: no permission for "${socket}"`, {
        hint: "set CTR_HOME to a folder of your own",
        cause: error,
      });
    }
    throw error;
  }
}

/** Waits until an engine that was told to end has let go of its socket. */
export async function untilGone(socket: string): Promise<void> {
  await withDeadline("waiting for the engine to end", READY_MS, async (signal) => {
    while (!signal.aborted && await listens(socket)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
}

/** An error may have a hint behind it, which is better than any of ours. */
async function lastWords(path: string): Promise<{ error: string; hint: string | undefined }> {
  const text = await Deno.readTextFile(path).catch(() => "");
  const lines = text.trimEnd().split("\n");
  const hint = /^hint: (.*)/.exec(lines.at(-1)!)?.[1];
  if (hint !== undefined) lines.pop();
  return { error: (lines.at(-1) ?? "").replace(/^error: /, ""), hint };
}
