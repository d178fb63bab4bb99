import type { Command, Option } from "commander";
import type { App } from "./app.ts";
import { familiarReference } from "./familiar.ts";

/** Somebody waits for this with a finger on the Tab key. */
const PATIENCE_MS = 500;

interface Candidate {
  readonly word: string;
  readonly help: string;
}

/**
 * Prints what may stand for the last of `words`, one per line, with a description behind a tab.
 *
 * Names of containers and images come from the engine if it runs; it is never started for this.
 */
export async function complete(app: App, program: Command, words: string[]): Promise<void> {
  const last = words.at(-1) ?? "";
  const { command, operands, option } = descend(program, words.slice(0, -1));
  const candidates = option
    ? (option.argChoices ?? []).map((word) => ({ word, help: "" }))
    : last.startsWith("-")
    ? optionsOf(command)
    : command.commands.length > 0
    ? subcommandsOf(command)
    : await names(app, command, operands);
  for (const { word, help } of candidates) {
    if (word.startsWith(last)) app.stdout.line(`${word}\t${help}`);
  }
}

/** Follows the words to the command that they name, and to an option that waits for its value. */
function descend(program: Command, words: readonly string[]) {
  let command = program;
  let operands = 0;
  let option: Option | undefined;
  for (const word of words) {
    if (option) {
      option = undefined;
      continue;
    }
    if (word.startsWith("-") && operands === 0) {
      const found = command.options.find((each) => each.short === word || each.long === word);
      if (found?.required) option = found;
      continue;
    }
    const next = command.commands.find((each) =>
      each.name() === word || each.aliases().includes(word)
    );
    if (next) command = next;
    else operands++;
  }
  return { command, operands, option };
}

function optionsOf(command: Command): Candidate[] {
  return command.createHelp().visibleOptions(command)
    .map((option) => ({ word: option.long ?? option.short ?? "", help: option.description }));
}

function subcommandsOf(command: Command): Candidate[] {
  return command.createHelp().visibleCommands(command)
    .map((each) => ({ word: each.name(), help: each.summary() || each.description() }));
}

async function names(app: App, command: Command, operands: number): Promise<Candidate[]> {
  const argument = command.registeredArguments.at(operands) ?? command.registeredArguments.at(-1);
  const kind = argument?.name();
  const fits = argument !== undefined && (operands === 0 || argument.variadic);
  if (!fits || (kind !== "container" && kind !== "image" && kind !== "source")) return [];
  const { withDeadline } = await import("../core/mod.ts");
  try {
    return await withDeadline("completing", PATIENCE_MS, async () => {
      const engine = await app.runningEngine();
      if (!engine) return [];
      if (kind !== "container") {
        const images = await engine.get("/images") as { configuration: { name: string } }[];
        return images.map((each) => ({
          word: familiarReference(each.configuration.name),
          help: "image",
        }));
      }
      const containers = await engine.get("/containers?all=1") as {
        name: string;
        status: { state: string };
      }[];
      return containers.map((each) => ({ word: each.name, help: each.status.state }));
    });
  } catch {
    return []; // an error message would be typed into the user's line
  }
}
