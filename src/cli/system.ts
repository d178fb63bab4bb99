import { Command } from "commander";
import type { App } from "./app.ts";
import { formatOption } from "./options.ts";

export function systemCommand(app: App): Command {
  return new Command("system")
    .alias("s")
    .summary("Look after the engine")
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
      new Command("df").summary("Tell what takes how much of the disk").addOption(formatOption())
        .action(async (flags: object) => {
          const { diskUsage } = await import("./system_actions.ts");
          await diskUsage(app, flags as Parameters<typeof diskUsage>[1]);
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
