import { Command } from "commander";
import type { App } from "./app.ts";

/** The role of the engine, in which this same executable is started by the others. */
export function engineCommand(_app: App): Command {
  return new Command("engine")
    .summary("Be the engine of this ctr home")
    .allowUnknownOption()
    .argument("[args...]")
    .action(async (args: string[]) => {
      const { engineMain } = await import("../engine/mod.ts");
      await engineMain(args);
    });
}
