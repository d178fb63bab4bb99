import { Command } from "commander";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";

/** `ctr help image pull`; aliases are known too. */
export function helpCommand(app: App): Command {
  return new Command("help")
    .summary("Print help for a command")
    .argument("[command...]", "its words")
    .action((words: string[], _flags: object, self: Command) => {
      let command = self.parent!;
      for (const word of words) {
        const next = command.commands.find((each) =>
          each.name() === word || each.aliases().includes(word)
        );
        if (!next) throw usage(`unknown command "${word}"`, 'see "ctr help"');
        command = next;
      }
      app.stdout.write(command.helpInformation());
    });
}
