import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import type { BuildRequestInput } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { startsArchive, StdinReader } from "./build_stdin.ts";
import { usage } from "./errors.ts";

type Context = BuildRequestInput["context"];
type Dockerfile = BuildRequestInput["dockerfile"];

export interface ContextChoice {
  readonly context: Context;
  readonly dockerfile: Dockerfile;
  /** What goes behind the request. */
  readonly upload?: AsyncIterable<Uint8Array>;
  /** What people call it. */
  readonly title: string;
}

/** A Dockerfile of more bytes than this is none. */
const MOST_BYTES = 4 * 1024 * 1024;
const NAMES = ["Dockerfile", "Containerfile", "dockerfile"];

/**
 * What `ctr build CONTEXT -f FILE` means.
 *
 * @throws {CtrError} `usage`, `not-found`, `denied`, `too-large`.
 */
export async function chooseContext(
  context: string,
  file: string | undefined,
): Promise<ContextChoice> {
  if (context === "-") return await fromStdin(file);
  const remote = remoteContext(context);
  if (remote) {
    const dockerfile: Dockerfile = file === "-"
      ? await stdinDockerfile()
      : { kind: "path", ...(file !== undefined && { path: file }) };
    return { context: remote, dockerfile, title: context };
  }
  const folder = await folderContext(context, `cannot build "${context}"`);
  const dockerfile = file === "-" ? await stdinDockerfile() : await localDockerfile(context, file);
  return { context: folder, dockerfile, title: context };
}

/** Undefined for what is a folder of this machine. */
export function remoteContext(text: string): Extract<Context, { kind: "git" | "url" }> | undefined {
  const short = /^(github\.com\/[^#?]+?)(?:\.git)?([#?].*)?$/s.exec(text);
  if (short) return { kind: "git", url: `https://${short[1]}.git${short[2] ?? ""}` };
  const isGit = /^(git|ssh):\/\//.test(text) || /^[\w.-]+@[\w.-]+:/.test(text) ||
    /^https?:\/\/[^#?]+\.git([#?]|$)/.test(text);
  if (isGit) return { kind: "git", url: text };
  if (/^https?:\/\//.test(text)) return { kind: "url", url: text };
  return undefined;
}

/** @param doing Begins the error's sentence. */
export async function folderContext(
  path: string,
  doing: string,
): Promise<Extract<Context, { kind: "folder" }>> {
  const info = await Deno.stat(path).catch((error) => {
    const missing = error instanceof Deno.errors.NotFound;
    throw new CtrError(
      missing ? "not-found" : "denied",
      `${doing}: ${missing ? "there is no such folder" : "it cannot be looked at"}`,
      { cause: error },
    );
  });
  if (!info.isDirectory) {
    throw new CtrError("usage", `${doing}: it is no folder`, {
      hint: "give the folder, and the Dockerfile with -f",
    });
  }
  const real = await Deno.realPath(path);
  return { kind: "folder", path: real, device: info.dev, inode: info.ino ?? 0 };
}

async function localDockerfile(context: string, file: string | undefined): Promise<Dockerfile> {
  const path = file ?? await defaultDockerfile(context);
  const text = await readText(path, context);
  const ignore = await Deno.readTextFile(`${path}.dockerignore`).catch(() => undefined);
  const inContext = await pathWithin(context, path);
  return {
    kind: "text",
    name: path.replace(/^\.\//, ""),
    text,
    ...(ignore !== undefined && { ignore }),
    ...(inContext !== undefined && { path: inContext }),
  };
}

async function defaultDockerfile(context: string): Promise<string> {
  for (const name of NAMES) {
    const path = join(context, name);
    if (await Deno.stat(path).then(() => true, () => false)) return path;
  }
  throw new CtrError("not-found", `cannot build "${context}": it has no Dockerfile`, {
    hint: "name it with -f",
  });
}

/** It may be a pipe, as in `-f <(…)`. */
async function readText(path: string, context: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    const { isFile, size, isDirectory } = await Deno.stat(path);
    if (isDirectory) throw usage(`cannot read "${path}": it is a folder`);
    if (isFile && size > MOST_BYTES) throw tooLarge(path);
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof CtrError) throw error;
    const fact = error instanceof Error ? error.message : String(error);
    if (!(error instanceof Deno.errors.NotFound)) {
      throw new CtrError("denied", `cannot read "${path}": ${fact}`, { cause: error });
    }
    const there = !isAbsolute(path) &&
      await Deno.stat(join(context, path)).then(() => true, () => false);
    throw new CtrError("not-found", `cannot read "${path}": there is no such file`, {
      ...(there && { hint: `-f begins here, not in the context: -f ${join(context, path)}` }),
    });
  }
  return decoded(bytes, path);
}

function tooLarge(name: string): CtrError {
  return new CtrError("too-large", `cannot read "${name}": a Dockerfile has at most 4 MiB`);
}

function decoded(bytes: Uint8Array, name: string): string {
  if (bytes.length > MOST_BYTES) throw tooLarge(name);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CtrError("bad-data", `cannot read "${name}": it is not UTF-8`);
  }
}

/** The path of a file in the context, if it lies there. */
async function pathWithin(context: string, path: string): Promise<string | undefined> {
  const folder = await Deno.realPath(dirname(path)).catch(() => undefined);
  if (folder === undefined) return undefined;
  const base = path.split("/").at(-1)!;
  const found = relative(await Deno.realPath(resolve(context)), join(folder, base));
  return found.startsWith("..") || isAbsolute(found) ? undefined : found;
}

async function stdinDockerfile(): Promise<Dockerfile> {
  const stdin = openStdin("a Dockerfile");
  return { kind: "text", name: "stdin", text: decoded(await stdin.all(MOST_BYTES), "stdin") };
}

/** An archive is the context; anything else is a Dockerfile without one. */
async function fromStdin(file: string | undefined): Promise<ContextChoice> {
  if (file === "-") throw usage("cannot read both the context and the Dockerfile from -");
  const stdin = openStdin("a context");
  const title = "standard input";
  if (startsArchive(await stdin.peek())) {
    const dockerfile: Dockerfile = { kind: "path", ...(file !== undefined && { path: file }) };
    return { context: { kind: "upload" }, dockerfile, upload: stdin.pieces(), title };
  }
  if (file !== undefined) {
    throw usage(
      'cannot use "-f" with a Dockerfile at standard input',
      "send a tar, or give a folder as the context and -f -",
    );
  }
  const text = decoded(await stdin.all(MOST_BYTES), "stdin");
  return { context: { kind: "none" }, dockerfile: { kind: "text", name: "stdin", text }, title };
}

function openStdin(what: string): StdinReader {
  if (!Deno.stdin.isTerminal()) return new StdinReader(Deno.stdin);
  throw usage(`cannot read ${what} from the terminal`, "redirect a file");
}
