import { Command } from "commander";
import type { App } from "./app.ts";

export function copyCommand(app: App): Command {
  return new Command("cp")
    .alias("copy")
    .summary("Copy files between a container and this machine")
    .argument("<source>", "path, container:/path, or - for an archive on standard input")
    .argument("<destination>", "path, container:/path, or - for an archive on standard output")
    .option("-a, --archive", "keep user and group IDs")
    .option("-L, --follow-link", "copy what the source links to, not the link")
    .option("-q, --quiet", "do not print the destination")
    .addHelpText(
      "after",
      "\nOne of both is in a container, which may run or not. A folder whose path ends in /. is copied\n" +
        "without itself: only what is in it.\n",
    )
    .action(async (source: string, destination: string, flags: object) => {
      const { copy } = await import("./copy_action.ts");
      await copy(app, source, destination, flags);
    });
}
