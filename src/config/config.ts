import { parse, TomlError } from "smol-toml";
import { z } from "zod";
import { CtrError, isCtrError, parseDurationMs, parseSize } from "../core/mod.ts";

/** Bytes as a number, or text such as "512m". */
const size = z.unknown().transform((value, context) => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  return readWith(parseSize, value, "a size", context);
});
/** Text such as "30s", or a number of seconds. */
const durationMs = z.unknown().transform((value, context) => {
  if (typeof value === "number" && value >= 0) return value * 1000;
  return readWith(parseDurationMs, value, "a duration", context);
});

/** Every key that there is. All are optional; what is left out is the engine's default. */
const Schema = z.strictObject({
  container: z.strictObject({
    /** Processors of a container. */
    cpus: z.int().min(1).max(256).optional(),
    /** Memory of a container, as "1g". */
    memory: size.optional(),
    /** Capacity of a container's writable disk, as "64g", in whole 4096-byte blocks. */
    disk: size.optional(),
  }).default({}),
  engine: z.strictObject({
    /** How long the engine stays without work, as "30s". */
    idle_timeout: durationMs.optional(),
    /** "auto", "kvm" or "tcg". */
    accelerator: z.enum(["auto", "kvm", "tcg"]).optional(),
  }).default({}),
  log: z.strictObject({
    /** A container's log begins a new file at this size, as "10m". */
    segment_size: size.optional(),
    /** Files that are kept. */
    segments: z.int().min(1).max(1000).optional(),
  }).default({}),
  limits: z.strictObject({
    /** Unpacked size of one layer of an image. */
    layer_size: size.optional(),
    /** Entries of one layer of an image. */
    layer_entries: z.int().positive().optional(),
    /** Device nodes of one layer of an image. */
    layer_devices: z.int().positive().optional(),
    /** Size of an archive that is loaded. */
    archive_size: size.optional(),
  }).default({}),
  registry: z.strictObject({
    /** Where images come from that name no host. */
    domain: z.string().min(1).optional(),
  }).default({}),
});
export type Config = z.output<typeof Schema>;

/** @throws {CtrError} `usage` if the file is wrong. A file that is not there says nothing. */
export async function readConfig(path: string): Promise<Config> {
  let text = "";
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) {
      throw new CtrError("denied", `cannot read "${path}": ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  return parseConfig(text, path);
}

/** @param name What the text is called in errors. */
export function parseConfig(text: string, name: string): Config {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const fact = error.message.split("\n")[0]!.replace(/^Invalid TOML document: /, "");
    throw bad(name, `line ${error.line}: ${fact}`);
  }
  const result = Schema.safeParse(document);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    throw unknownKey(name, path === "" ? key : `${path}.${key}`);
  }
  throw bad(name, `${path}: ${issue.message.replace(/^Invalid input: /, "")}`);
}

function unknownKey(name: string, key: string): CtrError {
  const nearest = knownKeys().map((known) => ({ known, distance: distance(key, known) }))
    .sort((a, b) => a.distance - b.distance)[0]!;
  const hint = nearest.distance <= Math.max(3, key.length / 3)
    ? `did you mean "${nearest.known}"`
    : `the keys are ${knownKeys().join(", ")}`;
  return new CtrError("usage", `cannot use "${name}": there is no key "${key}"`, { hint });
}

function knownKeys(): string[] {
  return Object.entries(Schema.shape).flatMap(([section, schema]) =>
    Object.keys(schema.unwrap().shape).map((key) => `${section}.${key}`)
  );
}

function bad(name: string, fact: string): CtrError {
  return new CtrError("usage", `cannot use "${name}": ${fact}`);
}

/** Lets a reader of core report to zod. */
function readWith(
  read: (text: string) => number,
  value: unknown,
  what: string,
  context: z.RefinementCtx<unknown>,
): number {
  try {
    if (typeof value === "string") return read(value);
    context.addIssue(`want ${what}`);
    return z.NEVER;
  } catch (error) {
    if (!isCtrError(error)) throw error;
    context.addIssue(error.message);
    return z.NEVER;
  }
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
