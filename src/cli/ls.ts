import { Command } from "commander";
import type { App } from "./app.ts";
import { formatOption } from "./options.ts";

export function listCommand(app: App): Command {
  return new Command("ls")
    .alias("ps")
    .alias("list")
    .summary("List containers")
    .option("-a, --all", "those that do not run as well")
    .option("-q, --quiet", "IDs alone")
    .option("--no-trunc", "whole IDs")
    .addOption(formatOption())
    .action(async (flags: object) => {
      const { list } = await import("./ls_action.ts");
      await list(app, flags as Parameters<typeof list>[1]);
    });
}

export function inspectCommand(app: App): Command {
  return new Command("inspect")
    .summary("Print all that is known about containers, as JSON")
    .argument("<container...>", "names, or prefixes of IDs")
    .action(async (containers: string[]) => {
      const { inspect } = await import("./inspect_action.ts");
      await inspect(app, containers);
    });
}
