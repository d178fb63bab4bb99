import { Command } from "commander";
import type { App } from "./app.ts";
import { filterOption, formatOption } from "./options.ts";

export function eventsCommand(app: App): Command {
  return new Command("events")
    .summary("Tell what happens to containers, images, volumes and networks")
    .description(
      "Prints what happens, as it happens, until Ctrl-C. With --until it ends then, or at once when\n" +
        "that is past.",
    )
    .option("--since <time>", "from a time on, or a duration ago such as 10m")
    .option("--until <time>", "up to a time")
    .addOption(filterOption())
    .addOption(formatOption())
    .action(async (flags: object) => {
      const { events } = await import("./events_action.ts");
      await events(app, flags as Parameters<typeof events>[1]);
    });
}
