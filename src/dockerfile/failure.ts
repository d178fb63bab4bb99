import { CtrError, type ErrorCode, isCtrError } from "../core/mod.ts";
import type { Range } from "./types.ts";

/** Something is wrong at a place of a Dockerfile. The message names it as `file:line:column`. */
export class DockerfileError extends CtrError {
  /** What is wrong, without the place. */
  readonly fact: string;
  /** The file, where it is known, to show what is around the place. */
  source: string | undefined;

  constructor(
    readonly file: string,
    readonly range: Range,
    fact: string,
    { hint, code = "bad-data" }: { hint?: string | undefined; code?: ErrorCode } = {},
  ) {
    const { line, column } = range.start;
    super(code, `cannot build "${file}:${line}:${column}": ${fact}`, { hint });
    this.fact = fact;
  }
}

/** What is wrong with a word, wherever it stands: `placed` turns it into a `DockerfileError`. */
export class WordError extends CtrError {
  constructor(fact: string, hint?: string, code: ErrorCode = "bad-data") {
    super(code, fact, { hint });
  }
}

/** Runs `work`; what it finds wrong with a word is told with its place. */
export function placed<T>(file: string, range: Range, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof WordError)) throw error;
    throw new DockerfileError(file, range, error.message, { hint: error.hint, code: error.code });
  }
}

export function isDockerfileError(error: unknown): error is DockerfileError {
  return isCtrError(error) && error instanceof DockerfileError;
}
