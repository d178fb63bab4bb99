import { Command } from "commander";
import type { App } from "./app.ts";
import { repeated } from "./options.ts";

export function exportCommand(app: App): Command {
  return new Command("export")
    .summary("Write a container's root file system to an archive")
    .argument("<container>", "name, or prefix of the ID")
    .option("-o, --output <path>", "the archive, instead of standard output")
    .action(async (container: string, flags: object) => {
      const { exportContainer } = await import("./export_action.ts");
      await exportContainer(app, container, flags);
    });
}

export function diffCommand(app: App): Command {
  return new Command("diff")
    .summary("List what a container has added, changed and deleted")
    .argument("<container>", "name, or prefix of the ID")
    .option("--format <format>", "table or json", "table")
    .action(async (container: string, flags: object) => {
      const { diff } = await import("./export_action.ts");
      await diff(app, container, flags as Parameters<typeof diff>[2]);
    });
}

export function commitCommand(app: App): Command {
  return new Command("commit")
    .summary("Make an image of a container's changes")
    .argument("<container>", "name, or prefix of the ID")
    .argument("[image]", "reference of the new image")
    .option("-a, --author <text>", "who made it")
    .option("-m, --message <text>", "what was done")
    .option("-c, --change <instruction>", "apply an instruction of a Dockerfile", repeated)
    .option("-p, --pause [boolean]", "stop the container's processes meanwhile", boolean, true)
    .option("--no-pause", "let the container's processes run meanwhile")
    .action(async (container: string, image: string | undefined, flags: object) => {
      const { commit } = await import("./export_action.ts");
      await commit(app, container, image, flags as Parameters<typeof commit>[3]);
    });
}

/** As Docker's flags take it: `--pause=false`. */
function boolean(value: string): boolean {
  return !["false", "0", "no"].includes(value.toLowerCase());
}
