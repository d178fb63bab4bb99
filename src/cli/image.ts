import { Command } from "commander";
import type { App } from "./app.ts";
import { fetchOptions, formatOption, platformOptions, progressOption } from "./options.ts";

/** The group `image`. Docker's own words for its members are at the top too: see `imageAliases`. */
export function imageCommand(app: App): Command {
  return new Command("image")
    .alias("i")
    .summary("Pull, list, tag, save, load and remove images")
    .addCommand(pullCommand(app, "pull"))
    .addCommand(listCommand(app, "ls").alias("list"))
    .addCommand(inspectCommand(app))
    .addCommand(tagCommand(app, "tag"))
    .addCommand(removeCommand(app, "rm").alias("delete"))
    .addCommand(loadCommand(app, "load"))
    .addCommand(saveCommand(app, "save"));
}

export function imageAliases(app: App): Command[] {
  return [
    pullCommand(app, "pull"),
    listCommand(app, "images"),
    tagCommand(app, "tag"),
    removeCommand(app, "rmi"),
    loadCommand(app, "load"),
    saveCommand(app, "save"),
  ];
}

function pullCommand(app: App, name: string): Command {
  const command = new Command(name)
    .summary("Fetch an image from a registry")
    .argument("<image>", "reference of the image")
    .option("--all-platforms", "every platform of the image");
  return fetchOptions(platformOptions(command))
    .action(async (image: string, flags: object) => {
      const { pull } = await import("./image_pull_action.ts");
      await pull(app, image, flags as Parameters<typeof pull>[2]);
    });
}

function listCommand(app: App, name: string): Command {
  return new Command(name)
    .summary("List images")
    .option("-q, --quiet", "references alone")
    .option("-v, --verbose", "a line for each platform")
    .addOption(formatOption())
    .action(async (flags: object) => {
      const { listImages } = await import("./image_list_action.ts");
      await listImages(app, flags as Parameters<typeof listImages>[1]);
    });
}

function inspectCommand(app: App): Command {
  return new Command("inspect")
    .summary("Print all that is known about images, as JSON")
    .argument("<image...>", "references")
    .action(async (images: string[]) => {
      const { inspectImages } = await import("./image_list_action.ts");
      await inspectImages(app, images);
    });
}

function tagCommand(app: App, name: string): Command {
  return new Command(name)
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

function loadCommand(app: App, name: string): Command {
  return new Command(name)
    .summary("Read images from an archive")
    .option("-i, --input <path>", "the archive, instead of standard input")
    .addOption(progressOption())
    .action(async (flags: object) => {
      const { loadImages } = await import("./image_archive_action.ts");
      await loadImages(app, flags as Parameters<typeof loadImages>[1]);
    });
}

function saveCommand(app: App, name: string): Command {
  return platformOptions(
    new Command(name)
      .summary("Write images to an archive")
      .argument("<image...>", "references")
      .option("-o, --output <path>", "the archive, instead of standard output"),
  )
    .option("--format <format>", "oci or docker", "oci")
    .action(async (images: string[], flags: object) => {
      const { saveImages } = await import("./image_archive_action.ts");
      await saveImages(app, images, flags as Parameters<typeof saveImages>[2]);
    });
}
