import { Command } from "commander";
import type { App } from "./app.ts";

/** The role of a VM's monitor on macOS, in which this same executable is started by the engine. */
export function vmCommand(app: App): Command {
  return new Command("vm")
    .summary("Be the monitor of a virtual machine")
    .allowUnknownOption()
    .argument("[args...]")
    .action(async (args: string[]) => {
      const { monitorMain } = await import("../hypervisor/mod.ts");
      const said = await monitorMain(args);
      if (said !== "") app.stdout.line(said);
    });
}
