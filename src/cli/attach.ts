import { Command } from "commander";
import type { App } from "./app.ts";

export function attachCommand(app: App): Command {
  return new Command("attach")
    .summary("Join the streams of a running container")
    .argument("<container>", "name, or prefix of an ID")
    .option("--no-stdin", "do not pass standard input on")
    .option("--detach-keys <keys>", "keys that leave the process running", "ctrl-p,ctrl-q")
    .action(async (container: string, flags: object) => {
      const { attach } = await import("./attach_action.ts");
      await attach(app, container, flags as Parameters<typeof attach>[2]);
    });
}
