import { CommanderError } from "commander";
import { EXIT_STATUS, exitStatusOf } from "../core/mod.ts";
import { createApp } from "./app.ts";
import { Interrupted } from "./attach_signals.ts";
import { plainBooleans } from "./boolean_words.ts";
import { describeError, usageError } from "./errors.ts";
import { buildProgram } from "./program.ts";

/** Commands whose statuses below 125 belong to the process in the container. */
const RUNS_A_PROCESS = new Set(["run", "exec"]);

/**
 * Parses, runs, prints the error.
 *
 * @returns The status that the process is to end with.
 */
export async function main(args: readonly string[]): Promise<number> {
  const app = createApp();
  app.ownsLowStatuses = RUNS_A_PROCESS.has(args.find((arg) => !arg.startsWith("-")) ?? "");
  app.debug = args[0] === "--debug" || Boolean(Deno.env.get("CTR_DEBUG"));
  try {
    const program = buildProgram(app);
    if (args.length === 0) {
      program.outputHelp();
      return 0;
    }
    await program.parseAsync(plainBooleans(program, args), { from: "user" });
    return app.exitStatus;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return 0; // what was asked for was printed: help, the version
      if (thrown.code === "commander.help") return EXIT_STATUS.usage; // a group without a command
    }
    const error = thrown instanceof CommanderError
      ? usageError(thrown, commandWords(args))
      : thrown;
    if (error instanceof Interrupted) return error.status;
    if (error instanceof Deno.errors.BrokenPipe) return 141; // whoever read our output has gone
    app.stderr.write(describeError(error, app.debug));
    return exitStatusOf(error, app.ownsLowStatuses);
  } finally {
    app.restore();
  }
}

/** The words that lead to the command, for "see …" in a hint. */
function commandWords(args: readonly string[]): string {
  const end = args.findIndex((arg) => !/^[a-z]+$/.test(arg));
  const words = end < 0 ? args : args.slice(0, end);
  const most = ["image", "registry", "system"].includes(words[0] ?? "") ? 2 : 1;
  return words.slice(0, most).join(" ");
}
