import { Command, Option } from "commander";
import type { App } from "./app.ts";
import { containerOptions, fetchOptions, platformOptions, processOptions } from "./options.ts";
import { refusedOptions } from "./refused_options.ts";

export function createCommand(app: App): Command {
  const command = new Command("create")
    .summary("Make a container without starting it")
    .argument("<image>", "reference of the image")
    .argument("[command...]", "program and arguments, instead of the image's")
    .passThroughOptions()
    .addOption(new Option("-d, --detach").hideHelp());
  processOptions(command.optionsGroup("Process:"));
  containerOptions(command);
  platformOptions(command.optionsGroup("Image:")).addOption(pullOption()).addOption(quietOption());
  fetchOptions(command);
  return refusedOptions(command.optionsGroup("Other:"))
    .action(async (image: string, args: string[], flags: object) => {
      const { create } = await import("./create_action.ts");
      await create(app, image, args, flags as Parameters<typeof create>[3]);
    });
}

export function pullOption(): Option {
  return new Option("--pull <when>", "when to ask the registry")
    .choices(["missing", "always", "never"]).default("missing");
}

export function quietOption(): Option {
  return new Option("-q, --quiet", "no progress").implies({ progress: "none" });
}
