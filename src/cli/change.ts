import { Command, Option } from "commander";
import type { App } from "./app.ts";
import { filterOption } from "./options.ts";

export function pauseCommand(app: App): Command {
  return new Command("pause")
    .summary("Stop the processes of containers where they are")
    .argument("<container...>", "names, or prefixes of IDs")
    .action(async (containers: string[]) => {
      await (await import("./change_action.ts")).pause(app, containers);
    });
}

export function unpauseCommand(app: App): Command {
  return new Command("unpause")
    .summary("Let the processes of paused containers go on")
    .argument("<container...>", "names, or prefixes of IDs")
    .action(async (containers: string[]) => {
      await (await import("./change_action.ts")).unpause(app, containers);
    });
}

export function renameCommand(app: App): Command {
  return new Command("rename")
    .summary("Give a container another name")
    .argument("<container>", "name, or prefix of an ID")
    .argument("<name>", "the new name")
    .action(async (container: string, name: string) => {
      await (await import("./change_action.ts")).rename(app, container, name);
    });
}

export function updateCommand(app: App): Command {
  return new Command("update")
    .summary("Change the limits and the restart policy of containers")
    .description(
      "Changes limits and the restart policy. A running container is limited at once as far as its\n" +
        "virtual machine allows; what does not fit in there applies at the next start.",
    )
    .argument("<container...>", "names, or prefixes of IDs")
    .option("-m, --memory <size>", "memory, for example 512M or 2G")
    .option("-c, --cpus <count>", "processors")
    .option("--pids-limit <count>", "most processes; -1 for no limit")
    .option("--restart <policy>", "no, on-failure[:N], always or unless-stopped")
    .action(async (containers: string[], flags: object) => {
      const { update } = await import("./change_action.ts");
      await update(app, containers, flags as Parameters<typeof update>[2]);
    });
}

export function pruneCommand(app: App): Command {
  return new Command("prune")
    .summary("Remove all containers that do not run")
    .addOption(filterOption())
    .addOption(new Option("-f, --force").hideHelp()) // nothing is asked
    .action(async (flags: object) => {
      const { prune } = await import("./change_action.ts");
      await prune(app, flags as Parameters<typeof prune>[1]);
    });
}
