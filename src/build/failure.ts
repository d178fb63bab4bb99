/** What went wrong, and where in the Dockerfile. */
import type { BuildEvent, Place } from "../api/mod.ts";
import { CtrError, isCtrError, isDiskFull } from "../core/mod.ts";
import { type Dockerfile, isDockerfileError, type Range } from "../dockerfile/mod.ts";

/** A step that failed. */
export class StepError extends Error {
  override readonly name = "StepError";

  constructor(
    override readonly cause: unknown,
    readonly range: Range | undefined,
    readonly stepId: string | undefined,
    readonly exitStatus?: number,
  ) {
    super(cause instanceof Error ? cause.message : String(cause));
  }
}

/** Adds where it was to what goes wrong; the innermost place counts. */
export async function at<T>(
  range: Range | undefined,
  stepId: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isDockerfileError(error)) throw error;
    if (!(error instanceof StepError)) throw new StepError(error, range, stepId);
    if (error.range || !range) throw error;
    throw new StepError(error.cause, range, error.stepId ?? stepId, error.exitStatus);
  }
}

/** The last event of a build that went wrong. */
export function failedEvent(error: unknown, dockerfile: Dockerfile | undefined): BuildEvent {
  const step = error instanceof StepError ? error : undefined;
  const cause = step ? step.cause : error;
  const range = step?.range ?? (isDockerfileError(cause) ? cause.range : undefined);
  const file = isDockerfileError(cause) ? cause.file : dockerfile?.name;
  const source = file === dockerfile?.name
    ? dockerfile?.source
    : isDockerfileError(cause)
    ? cause.source
    : undefined;
  const { code, message, hint } = sentence(cause);
  return {
    kind: "failed",
    code,
    message,
    ...(hint !== undefined && { hint }),
    ...(step?.stepId !== undefined && { id: step.stepId }),
    ...(step?.exitStatus !== undefined && { exitStatus: step.exitStatus }),
    ...(range && file !== undefined && { place: placeOf(file, range) }),
    ...(range && source?.trim() && { excerpt: excerpt(source, range) }),
  };
}

function sentence(error: unknown): { code: string; message: string; hint?: string | undefined } {
  if (isCtrError(error)) return { code: error.code, message: error.message, hint: error.hint };
  if (isDiskFull(error)) {
    return { code: "no-space", message: "cannot build: the disk of the host is full" };
  }
  if (error instanceof DOMException && error.name === "AbortError") {
    return { code: "cancelled", message: "cannot build: it was given up" };
  }
  const text = error instanceof Error ? error.message : String(error);
  return { code: "internal", message: `cannot build: ${text}` };
}

export function placeOf(file: string, { start, end }: Range): Place {
  return {
    file,
    line: start.line,
    column: start.column,
    endLine: end.line,
    endColumn: end.column,
  };
}

const AROUND = 2;
const MOST_LINES = 60;

function excerpt(source: string, { start, end }: Range) {
  const last = end.column <= 1 && end.line > start.line ? end.line - 1 : end.line;
  return source.replace(/\r?\n$/, "").split(/\r?\n/).map((text, at) => {
    const line = at + 1;
    return { line, text: text.slice(0, 500), marked: line >= start.line && line <= last };
  }).slice(Math.max(0, start.line - 1 - AROUND), last + AROUND).slice(0, MOST_LINES);
}

/** What a build throws that its signal ended. */
export function cancelled(): CtrError {
  return new CtrError("cancelled", "cannot build: it was given up");
}
