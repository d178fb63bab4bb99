/**
 * The engine: opens the domains of one ctr home and answers for them on its socket.
 *
 * @module
 */
export { runEngine } from "./run_engine.ts";
export type { Engine, EngineOptions } from "./run_engine.ts";
export { engineMain } from "./main.ts";
