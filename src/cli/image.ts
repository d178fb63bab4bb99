import { Command, Option } from "commander";
import type { App } from "./app.ts";
import { buildCommand } from "./build.ts";
import {
  convertCommand,
  diffCommand,
  historyCommand,
  importCommand,
  loadCommand,
  saveCommand,
} from "./image_making.ts";
import {
  fetchOptions,
  formatOption,
  inspectFormatOption,
  platformOptions,
  progressOption,
  repeated,
} from "./options.ts";

/** The group `image`. Docker's own words for its members are at the top too: see `imageAliases`. */
export function imageCommand(app: App): Command {
  return new Command("image")
    .alias("i")
    .summary("Pull, push, list, tag, save, load, convert and remove images")
    .addCommand(pullCommand(app, "arch"))
    .addCommand(pushCommand(app, "arch"))
    .addCommand(listCommand(app, "ls").alias("list"))
    .addCommand(inspectCommand(app))
    .addCommand(historyCommand(app))
    .addCommand(tagCommand(app))
    .addCommand(removeCommand(app, "rm").alias("delete"))
    .addCommand(pruneCommand(app))
    .addCommand(loadCommand(app))
    .addCommand(saveCommand(app))
    .addCommand(importCommand(app))
    .addCommand(convertCommand(app))
    .addCommand(diffCommand(app))
    .addCommand(buildCommand(app), { hidden: true });
}

export function imageAliases(app: App): Command[] {
  return [
    pullCommand(app, "all-tags"),
    pushCommand(app, "all-tags"),
    listCommand(app, "images"),
    tagCommand(app),
    removeCommand(app, "rmi"),
    historyCommand(app),
    loadCommand(app),
    saveCommand(app),
    importCommand(app),
  ];
}

/** `-a` is `--arch` below `image`, as in Apple's tool, and `--all-tags` in Docker's own words. */
type ShortA = "arch" | "all-tags";

function platformAndTags(command: Command, shortA: ShortA): Command {
  if (shortA === "arch") {
    return platformOptions(command)
      .option("--all-tags", "every tag of the repository");
  }
  return command
    .option("--platform <os/arch>", "platform of the image")
    .option("--arch <arch>", "architecture of the image")
    .option("--os <os>", "operating system of the image")
    .option("-a, --all-tags", "every tag of the repository");
}

function pullCommand(app: App, shortA: ShortA): Command {
  const command = new Command("pull")
    .summary("Fetch an image from a registry")
    .argument("<image>", "reference of the image")
    .option("--all-platforms", "every platform of the image")
    .option("--referrers", "what is attached to it too: signatures, SBOMs")
    .option("-q, --quiet", "no progress");
  return fetchOptions(platformAndTags(command, shortA))
    .action(async (image: string, flags: object) => {
      const { pull } = await import("./image_pull_action.ts");
      await pull(app, image, flags as Parameters<typeof pull>[2]);
    });
}

function pushCommand(app: App, shortA: ShortA): Command {
  const command = new Command("push")
    .summary("Send an image to a registry")
    .argument("<image>", "reference of the image")
    .option("--referrers", "what is attached to it too: signatures, SBOMs")
    .option("-q, --quiet", "no progress, and no digests");
  return platformAndTags(command, shortA)
    .addOption(
      new Option("--scheme <scheme>", "how to reach the registry")
        .choices(["http", "https", "auto"]).default("auto"),
    )
    .addOption(progressOption())
    .option("--max-concurrent-uploads <count>", "blobs that are sent at once")
    .action(async (image: string, flags: object) => {
      const { push } = await import("./image_push_action.ts");
      await push(app, image, flags as Parameters<typeof push>[2]);
    });
}

function listCommand(app: App, name: string): Command {
  return new Command(name)
    .summary("List images")
    .argument("[repository]", "only images of it")
    .option("-a, --all", "every image: none is hidden, so this changes nothing")
    .option("-q, --quiet", "references alone")
    .option("-v, --verbose", "a line for each platform")
    .option("--digests", "whole digests")
    .option("--no-trunc", "the same as --digests")
    .option(
      "-f, --filter <key=value>",
      "dangling, label, reference, before or since",
      repeated,
    )
    .addOption(formatOption())
    .action(async (repository: string | undefined, flags: object) => {
      const { listImages } = await import("./image_list_action.ts");
      await listImages(app, repository, flags as Parameters<typeof listImages>[2]);
    });
}

function inspectCommand(app: App): Command {
  return new Command("inspect")
    .summary("Print all that is known about images, as JSON")
    .argument("<image...>", "references")
    .addOption(inspectFormatOption())
    .action(async (images: string[], flags: object) => {
      const { inspectImages } = await import("./image_list_action.ts");
      await inspectImages(app, images, flags);
    });
}

function tagCommand(app: App): Command {
  return new Command("tag")
    .summary("Give an image a further reference")
    .argument("<source>", "reference of the image")
    .argument("<target>", "the new reference")
    .action(async (source: string, target: string) => {
      const { tagImage } = await import("./image_actions.ts");
      await tagImage(app, source, target);
    });
}

function removeCommand(app: App, name: string): Command {
  return new Command(name)
    .summary("Remove images")
    .argument("[image...]", "references")
    .option("-a, --all", "every image")
    .option("-f, --force", "do not mind missing ones, nor containers that use them")
    .action(async (images: string[], flags: object) => {
      const { removeImages } = await import("./image_actions.ts");
      await removeImages(app, images, flags);
    });
}

function pruneCommand(app: App): Command {
  return new Command("prune")
    .summary("Remove images that have no name, or with -a those that no container uses")
    .option("-a, --all", "all that no container uses")
    .option("-f, --force", "accepted: nothing is asked")
    .option("--filter <key=value>", "until=TIME, label=KEY[=VALUE] or label!=KEY[=VALUE]", repeated)
    .action(async (flags: object) => {
      const { pruneImages } = await import("./image_actions.ts");
      await pruneImages(app, flags);
    });
}
