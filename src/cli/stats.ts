import { Command } from "commander";
import type { App } from "./app.ts";
import { formatOption } from "./options.ts";

export function statsCommand(app: App): Command {
  return new Command("stats")
    .summary("Show what running containers use")
    .description(
      "On a terminal the table is drawn anew each second, until Ctrl-C. Elsewhere, and with another\n" +
        "format, it is printed once.",
    )
    .argument("[container...]", "names, or prefixes of IDs; without any, all that run")
    .option("--no-stream", "print once")
    .option("--no-trunc", "whole IDs")
    .addOption(formatOption())
    .action(async (containers: string[], flags: object) => {
      const { stats } = await import("./stats_action.ts");
      await stats(app, containers, flags as Parameters<typeof stats>[2]);
    });
}

export function topCommand(app: App): Command {
  return new Command("top")
    .summary("List the processes of a container")
    .argument("<container>", "name, or prefix of an ID")
    .argument("[ps-options...]", "aux, -ef, or -o with columns such as pid,user,command")
    .option("-o, --columns <columns>", "columns, in their order")
    .addOption(formatOption())
    .allowUnknownOption() // of ps
    .action(async (container: string, psOptions: string[], flags: object) => {
      const { top } = await import("./top_action.ts");
      await top(app, container, psOptions, flags as Parameters<typeof top>[3]);
    });
}
