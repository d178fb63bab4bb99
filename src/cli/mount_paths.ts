import { isAbsolute, normalize as normalizeHost, posix, resolve } from "node:path";
import { volumeName } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { usage } from "./errors.ts";

/** A path of the host, absolute, as the engine needs it: its own folder is another one. */
export function hostPath(path: string): string {
  return isAbsolute(path) ? normalizeHost(path).replace(/(?<=.)\/$/, "") : resolve(path);
}

/** A path of the container: absolute, without `..` and without a slash at its end. */
export function containerPath(flag: string, spec: string, path: string): string {
  const fact = !path.startsWith("/")
    ? `"${path}" is no absolute path of the container`
    : path.includes("\0")
    ? "a path has no NUL"
    : posix.normalize(path) === "/"
    ? "the container's root itself cannot be a mount"
    : undefined;
  if (fact !== undefined) throw usage(`cannot use ${flag} "${spec}": ${fact}`);
  return posix.normalize(path).replace(/\/$/, "");
}

/**
 * What there is at a path of the host that is to be mounted.
 *
 * @throws {CtrError} `not-found` if there is nothing, `usage` for what cannot be mounted.
 */
export async function kindOfSource(flag: string, spec: string, path: string) {
  const bad = (fact: string) => usage(`cannot use ${flag} "${spec}": "${path}" ${fact}`);
  let found: Deno.FileInfo;
  try {
    found = await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      throw new CtrError("not-found", `cannot use ${flag} "${spec}": there is no "${path}"`, {
        hint: "make the folder first; ctr makes none, so that a misspelt path does not go unseen",
      });
    }
    const fact = error instanceof Error ? error.message : String(error);
    throw new CtrError("denied", `cannot use ${flag} "${spec}": ${fact}`, { cause: error });
  }
  if (found.isSocket) return "socket";
  if (found.isDirectory || found.isFile) return "file";
  throw bad("is neither a folder, nor a file, nor a socket");
}

export function checkedVolumeName(flag: string, text: string, name: string): string {
  if (volumeName.safeParse(name).success) return name;
  throw usage(
    `cannot use ${flag} "${text}": "${name}" is no name of a volume`,
    "a path of the host has a slash, as in ./folder",
  );
}
