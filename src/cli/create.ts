import { Command, Option } from "commander";
import type { App } from "./app.ts";
import {
  containerOptions,
  fetchOptions,
  laterOptions,
  platformOptions,
  processOptions,
} from "./options.ts";

export function createCommand(app: App): Command {
  const command = new Command("create")
    .summary("Make a container without starting it")
    .argument("<image>", "reference of the image")
    .argument("[command...]", "program and arguments, instead of the image's")
    .passThroughOptions()
    .addOption(new Option("-d, --detach").hideHelp());
  processOptions(command);
  containerOptions(command);
  platformOptions(command).addOption(pullOption());
  fetchOptions(command);
  return laterOptions(command)
    .action(async (image: string, args: string[], flags: object) => {
      const { create } = await import("./create_action.ts");
      await create(app, image, args, flags as Parameters<typeof create>[3]);
    });
}

export function pullOption(): Option {
  return new Option("--pull <when>", "when to ask the registry")
    .choices(["missing", "always", "never"]).default("missing");
}
