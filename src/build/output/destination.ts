/** Where the bytes of an output go: a file, which appears when it is whole, or the client. */
import type { BuildEvent } from "../../api/mod.ts";
import { CtrError, temporaryPath } from "../../core/mod.ts";

type Tell = (event: BuildEvent) => void | Promise<void>;

const PIECE = 48 * 1024;

/** @param dest Absolute, or `-`. @throws {CtrError} `not-found`, `denied`, `no-space`. */
export async function sendTo(
  dest: string,
  bytes: AsyncIterable<Uint8Array>,
  tell: Tell,
): Promise<void> {
  if (dest !== "-") return await writeFile(dest, bytes);
  for await (const piece of bytes) {
    for (let at = 0; at < piece.length; at += PIECE) {
      await tell({ kind: "output", data: piece.subarray(at, at + PIECE).toBase64() });
    }
  }
}

async function writeFile(dest: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const there = await Deno.stat(dest).catch(() => undefined);
  // A device or a pipe is written to as it is.
  const path = there && !there.isFile ? dest : temporaryPath(dest);
  try {
    using file = await Deno.open(path, { write: true, create: path !== dest, mode: 0o666 });
    for await (const piece of bytes) {
      for (let at = 0; at < piece.length;) at += await file.write(piece.subarray(at));
    }
    if (path !== dest) {
      await file.sync();
      await Deno.rename(path, dest);
    }
  } catch (error) {
    if (path !== dest) await Deno.remove(path).catch(() => {});
    throw unwritable(dest, error);
  }
}

/** What the host says of a destination, as a sentence. */
export function unwritable(dest: string, error: unknown): unknown {
  const sentence = (code: "not-found" | "denied" | "no-space" | "conflict", fact: string) =>
    new CtrError(code, `cannot write "${dest}": ${fact}`, { cause: error });
  if (error instanceof Deno.errors.NotFound) {
    return sentence("not-found", "there is no such folder");
  }
  if (error instanceof Deno.errors.PermissionDenied) return sentence("denied", "no permission");
  if (error instanceof Deno.errors.NotADirectory) {
    return sentence("conflict", "a part of it is no folder");
  }
  if (error instanceof Deno.errors.IsADirectory) return sentence("conflict", "it is a folder");
  if (
    error instanceof Error && "code" in error &&
    (error.code === "ENOSPC" || error.code === "EDQUOT")
  ) {
    return sentence("no-space", "the disk is full");
  }
  if (error instanceof Error && "code" in error && error.code === "EROFS") {
    return sentence("denied", "the file system is read-only");
  }
  return error;
}
