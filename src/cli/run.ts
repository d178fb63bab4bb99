import { Command } from "commander";
import type { App } from "./app.ts";
import { containerOptions, fetchOptions, platformOptions, processOptions } from "./options.ts";
import { refusedOptions } from "./refused_options.ts";
import { pullOption, quietOption } from "./create.ts";

export function runCommand(app: App): Command {
  const command = new Command("run")
    .summary("Run a program in a new container")
    .description("Runs a program in a new container and ends with the program's status.")
    .argument("<image>", "reference of the image")
    .argument("[command...]", "program and arguments, instead of the image's")
    .passThroughOptions()
    .option("-d, --detach", "print the container's ID and return");
  processOptions(command.optionsGroup("Process:"));
  containerOptions(command);
  platformOptions(command.optionsGroup("Image:")).addOption(pullOption()).addOption(quietOption());
  fetchOptions(command);
  return refusedOptions(command.optionsGroup("Other:"))
    .option("--timing", "print on standard error how the start was spent")
    .action(async (image: string, args: string[], flags: object) => {
      const { run } = await import("./run_action.ts");
      await run(app, image, args, flags as Parameters<typeof run>[3]);
    });
}
