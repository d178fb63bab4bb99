import { Command, Option } from "commander";
import type { App } from "./app.ts";

export function stopCommand(app: App): Command {
  return ending(new Command("stop").summary("Stop running containers"))
    .action(async (containers: string[], flags: object) => {
      const { stop } = await import("./stop_action.ts");
      await stop(app, containers, flags as Parameters<typeof stop>[2]);
    });
}

export function restartCommand(app: App): Command {
  return ending(new Command("restart").summary("Stop containers and start them again"))
    .action(async (containers: string[], flags: object) => {
      const { restart } = await import("./stop_action.ts");
      await restart(app, containers, flags as Parameters<typeof restart>[2]);
    });
}

function ending(command: Command): Command {
  return command
    .argument("[container...]", "names, or prefixes of IDs")
    .option("-a, --all", "every container that runs")
    .option("-s, --signal <signal>", "instead of the container's own stop signal")
    .option("-t, --time <seconds>", "how long to wait before SIGKILL")
    .addOption(new Option("--timeout <seconds>").hideHelp());
}

export function killCommand(app: App): Command {
  return new Command("kill")
    .summary("Send a signal to running containers")
    .argument("[container...]", "names, or prefixes of IDs")
    .option("-a, --all", "every container that runs")
    .option("-s, --signal <signal>", "name or number", "KILL")
    .action(async (containers: string[], flags: object) => {
      const { kill } = await import("./stop_action.ts");
      await kill(app, containers, flags as Parameters<typeof kill>[2]);
    });
}

export function removeCommand(app: App): Command {
  return new Command("rm")
    .alias("delete")
    .alias("remove")
    .summary("Remove containers")
    .argument("[container...]", "names, or prefixes of IDs")
    .option("-a, --all", "every container that does not run; with --force, every container")
    .option("-f, --force", "kill those that run")
    .option("-v, --volumes", "their anonymous volumes as well")
    .action(async (containers: string[], flags: object) => {
      const { remove } = await import("./stop_action.ts");
      await remove(app, containers, flags as Parameters<typeof remove>[2]);
    });
}

export function waitCommand(app: App): Command {
  return new Command("wait")
    .summary("Wait until containers have ended and print their statuses")
    .argument("<container...>", "names, or prefixes of IDs")
    .addOption(
      new Option("--for <state>", "wait for another state and print the names")
        .choices(["stopped", "running", "healthy", "removed"]).default("stopped"),
    )
    .option("--timeout <time>", "give up after that long, for example 30s")
    .action(async (containers: string[], flags: object) => {
      const { wait } = await import("./stop_action.ts");
      await wait(app, containers, flags as Parameters<typeof wait>[2]);
    });
}
