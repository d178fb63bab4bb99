import type { CommanderError } from "commander";
import { CtrError, type ErrorCode, EXIT_STATUS, isCtrError } from "../core/mod.ts";

/** The engine was there and is not any more, or does not listen yet: another may be started. */
export class EngineGone extends CtrError {
  constructor(message: string, cause?: unknown) {
    super("unavailable", message, { hint: 'see "ctr system logs"', cause });
  }
}

/** `error: …` and `hint: …`, as they are written to standard error. */
export function describeError(error: unknown, debug: boolean): string {
  if (!isCtrError(error)) {
    const text = error instanceof Error ? (debug && error.stack) || error.message : String(error);
    return `error: a defect in ctr: ${text}\nhint: run again with --debug and report it\n`;
  }
  const hint = error.hint === undefined ? "" : `hint: ${error.hint}\n`;
  const stack = debug ? `${error.stack}\n${error.cause ? `cause: ${error.cause}\n` : ""}` : "";
  return `error: ${error.message}\n${hint}${stack}`;
}

/**
 * What commander found wrong, in our words: its suggestion becomes the hint.
 *
 * @param command The words of the command, for a hint where there is no suggestion.
 */
export function usageError(error: CommanderError, command: string): CtrError {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = /^\(Did you mean (?:one of )?(.+)\?\)$/.exec(rest.join(" ").trim())?.[1];
  const unknown = error.code === "commander.unknownCommand";
  const help = `see "ctr ${unknown || !command ? "" : `${command} `}--help"`;
  return usage(reworded(first), suggestion === undefined ? help : `did you mean ${suggestion}?`);
}

function reworded(message: string): string {
  const choice = message.match(
    /^(?:option '.*?(--[a-z-]+).*?' argument|command-argument value) '(.*)' is invalid.* are (.*?)\.?$/,
  );
  if (choice) {
    const [, flag = "", value, choices = ""] = choice;
    const what = `${flag} "${value}"`.trimStart();
    return `cannot use ${what}: want ${choices.replace(/, ([^,]*)$/, " or $1")}`;
  }
  const missing = /^option '(.*?)(?: <.*)?' argument missing$/.exec(message)?.[1];
  if (missing !== undefined) return `cannot use "${missing}": it wants a value`;
  return message.replaceAll("'", '"').replace(". Expected", ": expected").replace(/\.$/, "");
}

export function usage(message: string, hint?: string): CtrError {
  return new CtrError("usage", message, { hint });
}

/** An error as the engine tells it. Codes that this version does not know count as 1. */
export function engineError(body: { code?: unknown; message?: unknown; hint?: unknown }): CtrError {
  const code = typeof body.code === "string" && body.code in EXIT_STATUS
    ? body.code as ErrorCode
    : "unavailable";
  const message = typeof body.message === "string" ? body.message : "the engine gave no reason";
  return new CtrError(code, message, typeof body.hint === "string" ? { hint: body.hint } : {});
}
