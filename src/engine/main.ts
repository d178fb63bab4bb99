import { connect } from "node:net";
import { join } from "node:path";
import { ENGINE_SOCKET, registryEnvironment } from "../api/mod.ts";
import { CtrError, isCtrError } from "../core/mod.ts";
import { ctrHome, shortSocketPath } from "../host/mod.ts";
import { forgetNetwork } from "../registry/mod.ts";
import { type Engine, type EngineOptions, runEngine } from "./run_engine.ts";

/** Between two looks at a home whose engine has just ended. */
const PAUSE_MS = 200;

/**
 * The role `ctr engine`: runs until nothing is left to do; with `--stay` for ever, as a service. That
 * one waits while another engine serves the home, and takes over when it ends, however it does.
 *
 * @throws {CtrError} `usage` with arguments; `timeout` if another engine is stuck in this home.
 */
export async function engineMain(args: readonly string[]): Promise<void> {
  const stay = args[0] === "--stay";
  const [unknown] = stay ? args.slice(1) : args;
  if (unknown !== undefined) {
    throw new CtrError("usage", `cannot start the engine: it takes no arguments ("${unknown}")`);
  }
  Deno.umask(0o077);
  const home = ctrHome();
  if (!stay && await isServed(home)) return;
  const environment = registryEnvironment();
  forgetNetwork();
  const options = { home, environment, stay };
  const engine = stay ? await nextEngine(options) : await runEngine(options);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => engine.stop());
  }
  Deno.addSignalListener("SIGHUP", () => {}); // a terminal that closes is none of its business
  await engine.ended;
}

/** The engine of a home once no other serves it. */
async function nextEngine(options: EngineOptions): Promise<Engine> {
  for (;;) {
    while (await untilLost(options.home)) await pause();
    try {
      return await runEngine(options);
    } catch (error) {
      if (!isCtrError(error, "timeout")) throw error; // another one was faster
    }
  }
}

/** Waits until the engine that serves the home is gone. @returns Whether there was one. */
async function untilLost(home: string): Promise<boolean> {
  using short = shortSocketPath(join(home, ENGINE_SOCKET));
  const socket = connect({ path: short.path });
  const { promise, resolve } = Promise.withResolvers<void>();
  let served = false;
  socket.once("connect", () => served = true).on("error", () => {}).once("close", () => resolve());
  socket.resume();
  await promise;
  return served;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

/** Whether another engine answers already: then this one has nothing to do. */
async function isServed(home: string): Promise<boolean> {
  using short = shortSocketPath(join(home, ENGINE_SOCKET));
  const socket = connect({ path: short.path });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  const served = await promise;
  socket.destroy();
  return served;
}
