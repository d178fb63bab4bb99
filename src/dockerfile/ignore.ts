import { DockerfileError, WordError } from "./failure.ts";
import { compileGlob, type Glob } from "./glob.ts";

/** What is left out of a context. Paths are relative to it, with slashes, without one at the beginning. */
export interface IgnoreMatcher {
  /** False where nothing is left out at all. */
  readonly some: boolean;
  /** It is left out, by itself or with a folder above it. */
  ignores(path: string): boolean;
  /** A folder that is left out, and nothing below it can be brought back: nobody need look into it. */
  prunes(folder: string): boolean;
}

interface Pattern {
  readonly glob: Glob;
  /** `!`: brings back what a pattern before it left out. */
  readonly back: boolean;
  /** Folders that it names before its first wildcard. */
  readonly fixed: string;
}

/** A file of more patterns than this is none. */
const MOST_PATTERNS = 10_000;

/**
 * Reads a `.dockerignore`: a pattern per line, `#` comments, `!` exceptions, the last one that fits counts.
 *
 * @param name What errors call it.
 * @throws {CtrError} `bad-data` with the line.
 */
export function parseIgnoreFile(text: string, name: string): IgnoreMatcher {
  const patterns: Pattern[] = [];
  for (const [index, line] of text.replace(/^\uFEFF/, "").split(/\r?\n/).entries()) {
    if (line.startsWith("#")) continue;
    try {
      const pattern = compile(line);
      if (pattern) patterns.push(pattern);
      if (patterns.length > MOST_PATTERNS) throw new WordError("it has more than 10000 patterns");
    } catch (error) {
      if (!(error instanceof WordError)) throw error;
      const start = { line: index + 1, column: 1 };
      const end = { line: index + 1, column: line.length + 1 };
      throw new DockerfileError(name, { start, end }, error.message, { hint: error.hint });
    }
  }
  return matcher(patterns);
}

/**
 * The same from patterns, such as those of `--exclude`.
 *
 * @throws {CtrError} `bad-data`: what is wrong, without a place.
 */
export function compileIgnore(patterns: readonly string[]): IgnoreMatcher {
  return matcher(patterns.flatMap((text) => compile(text) ?? []));
}

/** Undefined for an empty line. */
function compile(line: string): Pattern | undefined {
  const trimmed = line.trim();
  const back = trimmed.startsWith("!");
  const text = back ? trimmed.slice(1).trim() : trimmed;
  if (text === "" && back) throw new WordError('"!" has no pattern behind it');
  if (text === "") return undefined;
  const path = clean(text);
  const folders = path.split("/");
  const wild = folders.findIndex((folder) => /[*?[\\]/.test(folder));
  const fixed = (wild < 0 ? folders : folders.slice(0, wild)).join("/");
  return { glob: compileGlob(path, { deep: true }), back, fixed };
}

/** Relative, without `.`, `..` where it can be resolved, doubled slashes and one at the end. */
function clean(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split("/")) {
    if (part === "" || part === ".") continue;
    const above = parts.at(-1);
    if (part !== "..") parts.push(part);
    else if (above !== undefined && above !== "..") parts.pop();
    else if (!pattern.startsWith("/")) parts.push(part);
  }
  return parts.join("/") || ".";
}

function matcher(patterns: readonly Pattern[]): IgnoreMatcher {
  const backs = patterns.filter(({ back }) => back);
  const judge = new Judge(patterns);
  const ignores = (path: string) => judge.judge(path).ignored;
  return {
    some: patterns.some(({ back }) => !back),
    ignores,
    prunes: (folder) => ignores(folder) && !backs.some(({ fixed }) => mayBeBelow(fixed, folder)),
  };
}

interface Judgement {
  readonly ignored: boolean;
  /** By pattern: it counted for this path. */
  readonly hits: readonly boolean[];
}

/** Folders whose judgements are remembered. */
const MOST_REMEMBERED = 4096;

/** What counted for a folder counts for all below it, as in BuildKit. */
class Judge {
  readonly #patterns: readonly Pattern[];
  readonly #folders = new Map<string, Judgement>();

  constructor(patterns: readonly Pattern[]) {
    this.#patterns = patterns;
  }

  judge(path: string): Judgement {
    const above = this.#above(path);
    let ignored = false;
    const hits = this.#patterns.map(({ glob, back }, index) => {
      // What would change nothing is not looked at, and does not count below either.
      const hit = above?.hits[index] || (back === ignored && glob.matches(path));
      if (hit) ignored = !back;
      return hit;
    });
    return { ignored, hits };
  }

  #above(path: string): Judgement | undefined {
    const slash = path.lastIndexOf("/");
    if (slash < 0) return undefined;
    const folder = path.slice(0, slash);
    const known = this.#folders.get(folder);
    if (known) return known;
    const judgement = this.judge(folder);
    if (this.#folders.size >= MOST_REMEMBERED) this.#folders.clear();
    this.#folders.set(folder, judgement);
    return judgement;
  }
}

/** Whether something below `folder` can fit a pattern that begins with the folders `fixed`. */
function mayBeBelow(fixed: string, folder: string): boolean {
  return fixed === "" || `${fixed}/`.startsWith(`${folder}/`) ||
    `${folder}/`.startsWith(`${fixed}/`);
}
