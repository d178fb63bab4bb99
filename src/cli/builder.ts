import { Command } from "commander";
import type { App } from "./app.ts";
import { buildCommand } from "./build.ts";
import { filterOption, formatOption, repeated } from "./options.ts";

/** The group `builder`. There is no resident builder: a VM lives as long as a build that needs it. */
export function builderCommand(app: App): Command {
  return new Command("builder")
    .summary("See what is built, stop it, and clean the build cache")
    .addCommand(startCommand(app))
    .addCommand(statusCommand(app))
    .addCommand(stopCommand(app))
    .addCommand(deleteCommand(app))
    .addCommand(usageCommand(app))
    .addCommand(pruneCommand(app))
    .addCommand(buildCommand(app), { hidden: true });
}

/** What `docker buildx` has of it. */
export function buildxCommand(app: App): Command {
  return new Command("buildx")
    .summary("The same as build and builder, in the words of docker buildx")
    .addCommand(buildCommand(app))
    .addCommand(usageCommand(app))
    .addCommand(pruneCommand(app));
}

function startCommand(app: App): Command {
  return new Command("start")
    .summary("Start the engine; a builder starts with a build and ends with it")
    .option("-c, --cpus <count>", "refused: see build --cpus")
    .option("-m, --memory <size>", "refused: see build --memory")
    .option("--dns <address>", "refused: see build --dns", repeated)
    .option("--dns-domain <name>", "refused: see build --dns-domain")
    .option("--dns-search <name>", "refused: see build --dns-search", repeated)
    .option("--dns-option <option>", "refused: see build --dns-option", repeated)
    .action(async (flags: object) => {
      const { startBuilder } = await import("./builder_actions.ts");
      await startBuilder(app, flags);
    });
}

function statusCommand(app: App): Command {
  return new Command("status")
    .summary("List the builds that go on")
    .option("-q, --quiet", "identifiers alone")
    .addOption(formatOption())
    .action(async (flags: object) => {
      const { builderStatus } = await import("./builder_actions.ts");
      await builderStatus(app, flags as Parameters<typeof builderStatus>[1]);
    });
}

function stopCommand(app: App): Command {
  return new Command("stop")
    .summary("Stop the builds that go on; their cache stays")
    .action(async () => {
      const { stopBuilder } = await import("./builder_actions.ts");
      await stopBuilder(app);
    });
}

function deleteCommand(app: App): Command {
  return new Command("delete")
    .alias("rm")
    .summary("Remove the whole build cache")
    .option("-f, --force", "stop the builds that go on first")
    .action(async (flags: object) => {
      const { deleteBuilder } = await import("./builder_actions.ts");
      await deleteBuilder(app, flags);
    });
}

function usageCommand(app: App): Command {
  return new Command("du")
    .summary("List what is in the build cache")
    .addOption(filterOption())
    .option("--verbose", "all that is known about each record")
    .addOption(formatOption())
    .action(async (flags: object) => {
      const { cacheUsage } = await import("./builder_actions.ts");
      await cacheUsage(app, flags as Parameters<typeof cacheUsage>[1]);
    });
}

function pruneCommand(app: App): Command {
  return new Command("prune")
    .summary("Remove what is not used from the build cache")
    .option("-a, --all", "also what images share, and what the builder keeps for itself")
    .option("-f, --force", "accepted: nothing is asked")
    .addOption(filterOption())
    .option("--keep-storage <size>", "so much may stay, what was used last")
    .option("--max-used-space <size>", "the same as --keep-storage")
    .option("--verbose", "accepted: identifiers are printed anyway")
    .action(async (flags: object) => {
      const { pruneCache } = await import("./builder_actions.ts");
      await pruneCache(app, flags as Parameters<typeof pruneCache>[1]);
    });
}
