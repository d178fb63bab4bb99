import { Command } from "commander";
import type { App } from "./app.ts";

export function startCommand(app: App): Command {
  return new Command("start")
    .summary("Start containers that do not run")
    .argument("<container...>", "names, or prefixes of IDs")
    .option("-a, --attach", "join its output and end with its status")
    .option("-i, --interactive", "join its standard input as well")
    .option("--detach-keys <keys>", "keys that leave the process running", "ctrl-p,ctrl-q")
    .action(async (containers: string[], flags: object) => {
      const { start } = await import("./start_action.ts");
      await start(app, containers, flags as Parameters<typeof start>[2]);
    });
}
