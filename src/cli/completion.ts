import { Argument, Command } from "commander";
import type { App } from "./app.ts";
import { completionScript } from "./completion_script.ts";

export const SHELLS = ["bash", "zsh", "fish"];

export function completionCommand(app: App): Command {
  return new Command("completion")
    .summary("Print a script that completes ctr's commands in a shell")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .action((shell: string) => app.stdout.write(completionScript(shell)));
}

/** What the scripts call: the words so far, the last one unfinished; prints what may follow. */
export function completeCommand(app: App): Command {
  return new Command("__complete")
    .argument("[words...]")
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: string[], _flags: object, command: Command) => {
      const { complete } = await import("./complete_action.ts");
      await complete(app, command.parent!, words);
    });
}
