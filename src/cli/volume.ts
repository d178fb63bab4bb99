import { Command, Option } from "commander";
import type { App } from "./app.ts";
import { filterOption, formatOption, inspectFormatOption, repeated } from "./options.ts";

/** The group `volume`: its actions are loaded when one of them runs. */
export function volumeCommand(app: App): Command {
  return new Command("volume")
    .alias("v")
    .summary("Make, list, copy, check and remove volumes")
    .addCommand(createCommand(app))
    .addCommand(listCommand(app))
    .addCommand(inspectCommand(app))
    .addCommand(removeCommand(app))
    .addCommand(pruneCommand(app))
    .addCommand(cloneCommand(app))
    .addCommand(exportCommand(app))
    .addCommand(importCommand(app))
    .addCommand(checkCommand(app))
    .addCommand(resizeCommand(app));
}

type Actions = typeof import("./volume_actions.ts");
const actions = (): Promise<Actions> => import("./volume_actions.ts");

function createCommand(app: App): Command {
  return new Command("create")
    .summary("Make a volume and print its name")
    .argument("[name]", "of the volume; default: 64 random digits")
    .addOption(
      new Option("--type <type>", "block: a disk for one container at a time; shared: a folder")
        .choices(["block", "shared"]),
    )
    .option("-s <size>", "what the container sees, for example 10G; it costs what is written")
    .option(
      "-o, --opt <key=value>",
      "size, journal=ordered|writeback|journal[:size], type",
      repeated,
    )
    .option("--label <key=value>", "set a label", repeated)
    .addOption(new Option("-d, --driver <name>").choices(["local"]).hideHelp())
    .action(async (name: string | undefined, flags: object) =>
      (await actions()).create(app, name, flags)
    );
}

function listCommand(app: App): Command {
  return new Command("ls")
    .alias("list")
    .summary("List volumes")
    .option("-q, --quiet", "names alone")
    .addOption(filterOption({ short: true }))
    .addOption(formatOption())
    .action(async (flags: object) => (await actions()).list(app, flags as never));
}

function inspectCommand(app: App): Command {
  return new Command("inspect")
    .summary("Print all that is known about volumes, as JSON")
    .argument("<volume...>", "names")
    .addOption(inspectFormatOption())
    .action(async (volumes: string[], flags: object) =>
      (await actions()).inspect(app, volumes, flags as never)
    );
}

function removeCommand(app: App): Command {
  return new Command("rm")
    .alias("delete")
    .alias("remove")
    .summary("Remove volumes with all that is in them")
    .argument("[volume...]", "names")
    .option("-a, --all", "every volume that no container refers to")
    .option("-f, --force", "do not mind missing ones")
    .action(async (volumes: string[], flags: object) =>
      (await actions()).remove(app, volumes, flags)
    );
}

function pruneCommand(app: App): Command {
  return new Command("prune")
    .summary("Remove every volume that no container refers to")
    .addOption(filterOption())
    .addOption(new Option("-a, --all").hideHelp()) // named ones go anyway
    .addOption(new Option("-f, --force").hideHelp()) // nothing is asked
    .action(async (flags: object) => (await actions()).prune(app, flags));
}

function cloneCommand(app: App): Command {
  return new Command("clone")
    .summary("Copy a volume, with its options, to a new one")
    .argument("<volume>", "name of the source")
    .argument("<new-name>", "name of the copy")
    .action(async (source: string, target: string) => (await actions()).clone(app, source, target));
}

function exportCommand(app: App): Command {
  return new Command("export")
    .summary("Write what is in a volume to a tar archive")
    .argument("<volume>", "its name")
    .option("-o, --output <path>", "the archive, instead of standard output")
    .action(async (volume: string, flags: object) =>
      (await actions()).exportVolume(app, volume, flags)
    );
}

function importCommand(app: App): Command {
  return new Command("import")
    .summary("Fill a volume from a tar archive; one that is not there is made")
    .argument("<volume>", "its name")
    .argument("[archive]", "path, or - for standard input", "-")
    .option("-f, --force", "replace what is in the volume")
    .action(async (volume: string, archive: string, flags: object) =>
      (await actions()).importVolume(app, volume, archive, flags)
    );
}

function checkCommand(app: App): Command {
  return new Command("check")
    .summary("Look for damage in volumes; the status is 1 if there is any")
    .argument("<volume...>", "names")
    .addOption(
      new Option("--format <format>", "how it is told").choices(["table", "json"])
        .default("table"),
    )
    .action(async (volumes: string[], flags: object) =>
      (await actions()).check(app, volumes, flags as never)
    );
}

function resizeCommand(app: App): Command {
  return new Command("resize")
    .summary("Give a volume another size")
    .argument("<volume>", "its name")
    .argument("<size>", "for example 20G; not less than what is in it")
    .action(async (volume: string, size: string) => (await actions()).resize(app, volume, size));
}
