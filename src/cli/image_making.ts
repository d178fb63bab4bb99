import { Command, Option } from "commander";
import type { App } from "./app.ts";
import { formatOption, platformOptions, progressOption, repeated } from "./options.ts";

export function historyCommand(app: App): Command {
  return new Command("history")
    .summary("Print how an image was made, the last step first")
    .argument("<image>", "reference of the image")
    .option("--no-trunc", "whole lines")
    .option("-H, --human [boolean]", "sizes and times for people", true)
    .option("-q, --quiet", "digests of the layers alone")
    .option("--platform <os/arch>", "platform of the image")
    .addOption(formatOption())
    .action(async (image: string, flags: object) => {
      const { history } = await import("./image_history_action.ts");
      await history(app, image, flags as Parameters<typeof history>[2]);
    });
}

export function loadCommand(app: App): Command {
  return new Command("load")
    .summary("Read images from an archive")
    .option("-i, --input <path>", "the archive, instead of standard input")
    .option("-f, --force", "skip unsafe members instead of refusing the archive")
    .option("-q, --quiet", "no progress")
    .addOption(progressOption())
    .action(async (flags: object) => {
      const { loadImages } = await import("./image_archive_action.ts");
      await loadImages(app, flags as Parameters<typeof loadImages>[1]);
    });
}

export function saveCommand(app: App): Command {
  return platformOptions(
    new Command("save")
      .summary("Write images to an archive")
      .argument("<image...>", "references")
      .option("-o, --output <path>", "the archive, instead of standard output"),
  )
    .addOption(
      new Option("--format <format>", "what kind of archive").choices(["oci", "docker"])
        .default("oci"),
    )
    .addOption(
      new Option("--compress <how>", "compress the whole archive")
        .choices(["none", "gzip", "zstd"]).default("none"),
    )
    .action(async (images: string[], flags: object) => {
      const { saveImages } = await import("./image_archive_action.ts");
      await saveImages(app, images, flags as Parameters<typeof saveImages>[2]);
    });
}

export function importCommand(app: App): Command {
  return new Command("import")
    .summary("Make an image from the archive of a root file system")
    .argument("<archive>", "a file, an http or https address, or - for standard input")
    .argument("[reference]", "name of the image")
    .option("-c, --change <instruction>", "an instruction of a Dockerfile, as CMD or ENV", repeated)
    .option("-m, --message <text>", "for the image's history")
    .option("--platform <os/arch>", "platform of the image")
    .option("-q, --quiet", "no progress")
    .addOption(progressOption())
    .action(async (archive: string, reference: string | undefined, flags: object) => {
      const { importImage } = await import("./image_import_action.ts");
      await importImage(app, archive, reference, flags as Parameters<typeof importImage>[3]);
    });
}

export function convertCommand(app: App): Command {
  return new Command("convert")
    .summary("Make an image with the same content and other compression or format")
    .argument("<source>", "reference of the image")
    .argument("<target>", "reference of the new image")
    .addOption(
      new Option("--compression <how>", "of the layers; without it they stay as they are")
        .choices(["gzip", "zstd", "none"]),
    )
    .addOption(
      new Option("--format <format>", "of the documents; without it, that of the source")
        .choices(["oci", "docker"]),
    )
    .option("--platform <os/arch>", "this platform alone")
    .addOption(progressOption())
    .action(async (source: string, target: string, flags: object) => {
      const { convert } = await import("./image_convert_action.ts");
      await convert(app, source, target, flags as Parameters<typeof convert>[3]);
    });
}

export function diffCommand(app: App): Command {
  return new Command("diff")
    .summary("Print what differs between two images: files and configuration")
    .argument("<image>", "reference of an image")
    .argument("<other>", "reference of another one")
    .option("--platform <os/arch>", "platform of both")
    .addOption(formatOption())
    .action(async (image: string, other: string, flags: object) => {
      const { diff } = await import("./image_convert_action.ts");
      await diff(app, image, other, flags as Parameters<typeof diff>[3]);
    });
}
