import { Command, Option } from "commander";
import type { App } from "./app.ts";
import { filterOption, formatOption, inspectFormatOption } from "./options.ts";

export function listCommand(app: App): Command {
  return new Command("ls")
    .alias("ps")
    .alias("list")
    .summary("List containers")
    .option("-a, --all", "those that do not run as well")
    .option("-q, --quiet", "IDs alone")
    .option("-n, --last <count>", "the last created ones, whatever their state")
    .option("-l, --latest", "the last created one, whatever its state")
    .option("-s, --size", "what each has written on the host")
    .option("--no-trunc", "whole IDs")
    .addOption(filterOption({ short: true }))
    .addOption(formatOption())
    .action(async (flags: object) => {
      const { list } = await import("./ls_action.ts");
      await list(app, flags as Parameters<typeof list>[1]);
    });
}

export function inspectCommand(app: App): Command {
  return new Command("inspect")
    .summary("Print all that is known about containers, images or volumes, as JSON")
    .argument("<container...>", "names, or prefixes of IDs")
    .addOption(inspectFormatOption())
    .addOption(
      new Option("--type <type>", "look among these alone")
        .choices(["container", "image", "volume"]),
    )
    .addOption(new Option("-s, --size").hideHelp()) // sizes are always there
    .action(async (containers: string[], flags: object) => {
      const { inspect } = await import("./inspect_action.ts");
      await inspect(app, containers, flags as Parameters<typeof inspect>[2]);
    });
}
