import type { Command, Option } from "commander";
import type { App } from "./app.ts";
import { type Kind, operandOf, type Place, valuesOf } from "./completion_values.ts";
import type { EngineClient } from "./engine_client.ts";
import { familiarReference } from "./familiar.ts";

/** Somebody waits for this with a finger on the Tab key. */
const PATIENCE_MS = 1500;

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
  for (const { word, help } of await candidates(app, command, operands, option, last)) {
    if (word.startsWith(last)) app.stdout.line(`${word}\t${help}`);
  }
}

async function candidates(
  app: App,
  command: Command,
  operands: number,
  option: Option | undefined,
  last: string,
): Promise<Candidate[]> {
  if (option) return await inPlace(app, valuesOf(command, option));
  const [, flag] = /^(--[^=]+)=/.exec(last) ?? [];
  const named = flag && command.options.find((each) => each.long === flag);
  if (named) {
    const values = await inPlace(app, valuesOf(command, named));
    return values.map(({ word, help }) => ({ word: `${flag}=${word}`, help }));
  }
  // Behind the first operand of run and exec the words are the program's.
  if (last.startsWith("-")) return optionsOf(command);
  if (command.commands.length > 0) return subcommandsOf(command);
  return await inPlace(app, operandOf(command, operands));
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
    if (word.startsWith("-") && word.length > 1) {
      option = awaiting(command, word);
      continue;
    }
    const next = operands === 0
      ? command.commands.find((each) => each.name() === word || each.aliases().includes(word))
      : undefined;
    if (next) command = next;
    else operands++;
  }
  return { command, operands, option };
}

/** The option that takes its value from the next word. Short ones may be bundled: `-itv`. */
function awaiting(command: Command, word: string): Option | undefined {
  if (word.includes("=")) return undefined;
  const name = word.startsWith("--") ? word : `-${word.at(-1)}`;
  const found = command.options.find((each) => each.long === name || each.short === name);
  return found?.required ? found : undefined;
}

function optionsOf(command: Command): Candidate[] {
  return command.createHelp().visibleOptions(command)
    .map((option) => ({ word: option.long ?? option.short ?? "", help: option.description }));
}

function subcommandsOf(command: Command): Candidate[] {
  return command.createHelp().visibleCommands(command)
    .map((each) => ({ word: each.name(), help: each.summary() || each.description() }));
}

async function inPlace(app: App, { words = [], kinds = [] }: Place): Promise<Candidate[]> {
  const known = words.map((word) => ({ word, help: "" }));
  if (kinds.length === 0) return known;
  const { withDeadline } = await import("../core/mod.ts");
  const found = await withDeadline("completing", PATIENCE_MS, async () => {
    const engine = await app.runningEngine();
    if (!engine) return [];
    return await Promise.allSettled(kinds.map((kind) => LOOK_UP[kind](engine)));
  }).catch(() => []); // an error message would be typed into the user's line
  return [...known, ...found.flatMap((each) => each.status === "fulfilled" ? each.value : [])];
}

interface Named {
  readonly configuration: { readonly name: string };
}

const LOOK_UP: Readonly<Record<Kind, (engine: EngineClient) => Promise<Candidate[]>>> = {
  container: containers,
  "container path": async (engine) =>
    (await containers(engine)).map(({ word, help }) => ({ word: `${word}:`, help })),
  image: async (engine) =>
    (await engine.get("/images") as Named[]).map(({ configuration: { name } }) => ({
      word: familiarReference(name),
      help: "image",
    })),
  volume: (engine) => plainly(engine, "/volumes", "volume"),
  network: (engine) => plainly(engine, "/networks", "network"),
  machine: (engine) => plainly(engine, "/machines", "machine"),
};

async function containers(engine: EngineClient): Promise<Candidate[]> {
  const all = await engine.get("/containers?all=1") as {
    name: string;
    status: { state: string };
  }[];
  return all.map((each) => ({ word: each.name, help: each.status.state }));
}

async function plainly(engine: EngineClient, path: string, help: string): Promise<Candidate[]> {
  const all = await engine.get(path) as { id: string }[];
  return all.map(({ id }) => ({ word: id, help }));
}
