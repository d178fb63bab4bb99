import { connect } from "node:net";
import { join } from "node:path";
import { ENGINE_SOCKET } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { ctrHome, shortSocketPath } from "../host/mod.ts";
import { runEngine } from "./run_engine.ts";

/**
 * The role `ctr engine`: runs until nothing is left to do.
 *
 * @throws {CtrError} `usage` with arguments; `timeout` if another engine is stuck in this home.
 */
export async function engineMain(args: readonly string[]): Promise<void> {
  if (args.length > 0) {
    throw new CtrError("usage", `cannot start the engine: it takes no arguments ("${args[0]}")`);
  }
  Deno.umask(0o077);
  const home = ctrHome();
  if (await isServed(home)) return;
  const engine = await runEngine({ home });
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => engine.stop());
  }
  Deno.addSignalListener("SIGHUP", () => {}); // a terminal that closes is none of its business
  await engine.ended;
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
