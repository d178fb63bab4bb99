import type { Command } from "commander";
import { usage } from "./errors.ts";

/**
 * Docker's flags without a value may be written with one: `--rm=true`, `--init=false`. Commander knows
 * none of it, so such words become `--rm`, or go away, or become `--no-…` where there is one.
 *
 * @param words Of the whole command line. What stands behind the first operand of a command that
 * hands its words on to a program is not touched.
 */
export function plainBooleans(program: Command, words: readonly string[]): string[] {
  if (!words.some((word) => /^--[^=]+=/.test(word))) return [...words];
  const found: string[] = [];
  let command = program;
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") return [...found, ...words.slice(at)];
    if (!word.startsWith("-") || word === "-") {
      const next = command.commands.find((each) =>
        each.name() === word || each.aliases().includes(word)
      );
      if (!next && passesThrough(command)) return [...found, ...words.slice(at)];
      command = next ?? command;
      found.push(word);
      continue;
    }
    found.push(...plainWord(command, word));
    if (!word.includes("=") && optionOf(command, word)?.required) {
      const value = words[++at];
      if (value !== undefined) found.push(value);
    }
  }
  return found;
}

function plainWord(command: Command, word: string): string[] {
  const [flag = "", value] = word.split(/=(.*)/s);
  const option = optionOf(command, flag);
  if (value === undefined || !option || option.required || option.optional) return [word];
  if (/^(true|t|1)$/i.test(value)) return [flag];
  if (!/^(false|f|0)$/i.test(value)) {
    throw usage(`cannot use ${flag} "${value}": want true or false`);
  }
  const negated = flag.replace(/^--/, "--no-");
  return optionOf(command, negated) ? [negated] : [];
}

function optionOf(command: Command, flag: string) {
  return command.options.find((each) => each.long === flag || each.short === flag);
}

/** Commander keeps this to itself; the setter has no getter. */
function passesThrough(command: Command): boolean {
  return Boolean((command as unknown as { _passThroughOptions?: boolean })._passThroughOptions);
}
