import { Command, Option } from "commander";
import type { App } from "./app.ts";
import { systemDnsCommand } from "./network.ts";
import { filterOption, formatOption } from "./options.ts";

export function systemCommand(app: App): Command {
  return new Command("system")
    .alias("s")
    .summary("Look after the engine")
    .addCommand(systemDnsCommand(app))
    .addCommand(
      new Command("start").summary("Start the engine").action(async () => {
        await (await import("./system_actions.ts")).startEngine(app);
      }),
    )
    .addCommand(
      new Command("stop").summary("Stop every container, then the engine")
        .option("-t, --time <seconds>", "how long to wait before SIGKILL")
        .action(async (flags: { time?: string }) => {
          await (await import("./system_actions.ts")).stopEngine(app, flags);
        }),
    )
    .addCommand(
      new Command("status").summary("Tell whether the engine runs").addOption(formatOption())
        .action(async (flags: object) => {
          const { status } = await import("./system_actions.ts");
          await status(app, flags as Parameters<typeof status>[1]);
        }),
    )
    .addCommand(
      new Command("df").summary("Tell what takes how much of the disk")
        .option("-v, --verbose", "a line for each image, container and volume")
        .addOption(formatOption())
        .action(async (flags: object) => {
          const { diskUsage } = await import("./system_upkeep_actions.ts");
          await diskUsage(app, flags as Parameters<typeof diskUsage>[1]);
        }),
    )
    .addCommand(
      new Command("prune").summary("Remove containers that do not run and images that nobody needs")
        .option("-a, --all", "named images that no container uses, too")
        .option("--volumes", "volumes that no container refers to, too")
        .addOption(filterOption())
        .addOption(new Option("-f, --force").hideHelp()) // nothing is asked
        .action(async (flags: object) => {
          const { pruneSystem } = await import("./system_upkeep_actions.ts");
          await pruneSystem(app, flags);
        }),
    )
    .addCommand(
      new Command("check")
        .summary("Compare records with files and processes; the status is 1 if they do not agree")
        .option("--repair", "remove leftovers, and records of what is gone")
        .addOption(
          new Option("--format <format>", "how it is told").choices(["table", "json"])
            .default("table"),
        )
        .action(async (flags: object) => {
          const { checkSystem } = await import("./system_upkeep_actions.ts");
          await checkSystem(app, flags as Parameters<typeof checkSystem>[1]);
        }),
    )
    .addCommand(
      new Command("version").summary("Print the versions of ctr and of its engine")
        .addOption(formatOption())
        .action(async (flags: object) => {
          const { versions } = await import("./system_actions.ts");
          await versions(app, flags as Parameters<typeof versions>[1]);
        }),
    )
    .addCommand(
      new Command("logs").summary("Print the engine's log")
        .option("-f, --follow", "go on until Ctrl-C")
        .option("--last <time>", "since how long ago", "5m")
        .action(async (flags: object) => {
          const { engineLogs } = await import("./system_logs_action.ts");
          await engineLogs(app, flags as Parameters<typeof engineLogs>[1]);
        }),
    );
}
