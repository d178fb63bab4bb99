import { Command } from "commander";
import type { App } from "./app.ts";
import { processOptions } from "./options.ts";

export function execCommand(app: App): Command {
  const command = new Command("exec")
    .summary("Run a further program in a running container")
    .argument("<container>", "name, or prefix of an ID")
    .argument("<command...>", "program and arguments")
    .passThroughOptions()
    .option("-d, --detach", "print the container's ID and return");
  return processOptions(command)
    .action(async (container: string, args: string[], flags: object) => {
      const { exec } = await import("./exec_action.ts");
      await exec(app, container, args, flags as Parameters<typeof exec>[3]);
    });
}
