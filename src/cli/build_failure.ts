import type { BuildEvent } from "../api/mod.ts";
import { formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { type Step, stepName } from "./build_steps.ts";
import { engineError } from "./errors.ts";
import { printable } from "./printable.ts";

type Failed = Extract<BuildEvent, { kind: "failed" }>;

/**
 * Writes what led to a failure: the log of its step, and the lines of the Dockerfile around it.
 *
 * @param logSeen The log has been shown already.
 * @returns The error to end with.
 */
export function tellFailure(
  app: App,
  failed: Failed,
  step: Step | undefined,
  logSeen: boolean,
): Error {
  if (step && !logSeen && step.log.size > 0) tellLog(app, step);
  const { excerpt, place } = failed;
  if (excerpt && excerpt.length > 0) {
    app.stderr.line(`${place ? `${place.file}:${place.line}` : "Dockerfile"}`);
    const width = String(excerpt.at(-1)!.line).length;
    for (const { line, text, marked } of excerpt) {
      const mark = marked ? ">" : " ";
      app.stderr.line(`${mark} ${String(line).padStart(width)} | ${printable(text)}`.trimEnd());
    }
  }
  return engineError({
    ...failed,
    code: OF_A_PROCESS.includes(failed.code) ? "bad-data" : failed.code,
  });
}

/** A step's program that cannot be run is no status of `ctr build`. */
const OF_A_PROCESS = ["command-not-found", "not-executable"];

function tellLog(app: App, { event, log }: Step): void {
  app.stderr.line(`log of ${printable(stepName(event))}:`);
  if (log.dropped > 0) app.stderr.line(`(${formatSize(log.dropped)} before this are left out)`);
  const decoder = new TextDecoder();
  let last = "";
  for (const piece of log.pieces()) {
    const text = decoder.decode(piece, { stream: true });
    app.stderr.write(text);
    if (text !== "") last = text;
  }
  if (!last.endsWith("\n")) app.stderr.line("");
}
