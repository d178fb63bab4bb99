import { CtrError } from "../core/mod.ts";
import { usage } from "./errors.ts";

type Lookup = (name: string) => string | undefined;

/**
 * Variables of a process: files first, then flags; later ones win.
 *
 * A bare name is taken over from our own environment and skipped when it is not set there.
 */
export async function environment(
  files: readonly string[],
  flags: readonly string[],
  lookup: Lookup,
): Promise<string[]> {
  const variables = new Map<string, string>();
  for (const file of files) {
    for (const [name, value] of await readEnvFile(file, lookup)) variables.set(name, value);
  }
  for (const flag of flags) {
    const [name, value] = variable(flag, lookup);
    if (name === "" || /[\s\0]/.test(name)) {
      throw usage(`cannot use --env "${flag}": want name=value without white space in the name`);
    }
    if (value !== undefined) variables.set(name, value);
  }
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

/** The file may be a FIFO: it is read to its end, once. */
async function readEnvFile(path: string, lookup: Lookup): Promise<[string, string][]> {
  const variables: [string, string][] = [];
  const lines = await readLines(path);
  for (const [index, raw] of lines.entries()) {
    const line = raw.trimStart();
    if (line === "" || line.startsWith("#")) continue;
    const [name, value] = variable(line, lookup);
    const bad = (fact: string) => usage(`cannot read "${path}": line ${index + 1} ${fact}`);
    if (name === "") throw bad("has no name before the =");
    if (/\s/.test(name)) throw bad(`has white space in the name "${name}"`);
    if (value !== undefined) variables.push([name, value]);
  }
  return variables;
}

/** @throws {CtrError} `not-found`, `denied`; `usage` for what is not UTF-8. */
export async function readLines(path: string): Promise<string[]> {
  return (await readUtf8(path)).split(/\r?\n/);
}

async function readUtf8(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new CtrError("not-found", `cannot read "${path}": there is no such file`);
    }
    const fact = error instanceof Error ? error.message : String(error);
    throw new CtrError("denied", `cannot read "${path}": ${fact}`, { cause: error });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw usage(`cannot read "${path}": it is not UTF-8`);
  }
}

function variable(text: string, lookup: Lookup): [string, string | undefined] {
  const equals = text.indexOf("=");
  return equals < 0 ? [text, lookup(text)] : [text.slice(0, equals), text.slice(equals + 1)];
}
