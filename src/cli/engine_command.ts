import { ownCommand } from "../host/mod.ts";

/** The command that runs the engine. */
export function engineCommand(): string[] {
  return ownCommand("engine");
}
