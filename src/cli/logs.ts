import { Command, Option } from "commander";
import type { App } from "./app.ts";

export function logsCommand(app: App): Command {
  return new Command("logs")
    .summary("Print what a container has written")
    .argument("<container>", "name, or prefix of an ID")
    .option("-f, --follow", "go on until it has ended")
    .option("-n, --tail <lines>", 'the last lines alone, or "all"')
    .option("--since <time>", "from a time on, or from a duration ago such as 10m")
    .option("--until <time>", "up to a time, or up to a duration ago")
    .addOption(
      new Option("--stream <stream>", "what it wrote to one of them").choices(["stdout", "stderr"]),
    )
    .option("-t, --timestamps", "begin each line with its time")
    .addOption(new Option("--details").hideHelp()) // lines have none
    .option("--boot", "what its VM wrote while it booted")
    .action(async (container: string, flags: object) => {
      const { logs } = await import("./logs_action.ts");
      await logs(app, container, flags as Parameters<typeof logs>[2]);
    });
}
