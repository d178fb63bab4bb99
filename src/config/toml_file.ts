import { parse, TomlError } from "smol-toml";
import type { z } from "zod";
import { CtrError } from "../core/mod.ts";

/** More than anyone writes by hand. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads a configuration file. One that is not there says nothing.
 *
 * @throws {CtrError} `denied` if it cannot be read; `usage` if it is larger than 1 MiB.
 */
export async function readTomlText(path: string): Promise<string> {
  try {
    const { size } = await Deno.stat(path);
    if (size > MAX_BYTES) throw bad(path, "it has more than 1 MiB");
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof CtrError) throw error;
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return "";
    }
    throw new CtrError("denied", `cannot read "${path}": ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * Reads TOML that `schema` describes.
 *
 * @param name What the text is called in errors.
 * @param keys The keys that there are, for what is suggested in place of an unknown one.
 * @throws {CtrError} `usage`, with a suggestion for an unknown key.
 */
export function parseToml<T extends z.ZodType>(
  text: string,
  name: string,
  schema: T,
  keys: readonly string[],
): z.output<T> {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const fact = error.message.split("\n")[0]!.replace(/^Invalid TOML document: /, "");
    throw bad(name, `line ${error.line}: ${fact}`);
  }
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = issue.path.map(String).map(quoted).join(".");
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    throw unknownKey(name, path === "" ? key : `${path}.${key}`, keys);
  }
  // What is wrong with a key is told one level down.
  const inner = issue.code === "invalid_key" ? issue.issues[0] ?? issue : issue;
  throw bad(name, `${path}: ${inner.message.replace(/^Invalid input: /, "")}`);
}

/** A part of a path as TOML wants it: a host has dots, so it stands in quotes. */
function quoted(part: string): string {
  return /^[\w-]+$/.test(part) ? part : JSON.stringify(part);
}

function unknownKey(name: string, key: string, keys: readonly string[]): CtrError {
  const nearest = nearestKey(key, keys);
  const hint = nearest === undefined
    ? `the keys are ${keys.join(", ")}`
    : `did you mean "${nearest}"`;
  return new CtrError("usage", `cannot use "${name}": there is no key "${key}"`, { hint });
}

/** A host of the user's own is in the path; what is compared is the rest. */
function nearestKey(key: string, keys: readonly string[]): string | undefined {
  const plain = key.replace(/"(?:[^"\\]|\\.)*"/, "HOST");
  const best = keys.map((known) => ({ known, distance: distance(plain, known) }))
    .sort((a, b) => a.distance - b.distance)[0];
  if (!best || best.distance > Math.max(3, plain.length / 3)) return undefined;
  const host = /"(?:[^"\\]|\\.)*"/.exec(key)?.[0];
  return host === undefined ? best.known : best.known.replace("HOST", host);
}

function bad(name: string, fact: string): CtrError {
  return new CtrError("usage", `cannot use "${name}": ${fact}`);
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, change));
    }
    row = next;
  }
  return row[b.length]!;
}
