import { dirname } from "node:path";

/** Suffix of files that are being written. What bears it and is not locked may be removed. */
export const TEMPORARY_SUFFIX = ".tmp";

/** A name beside `path` that no other process uses. */
export function temporaryPath(path: string): string {
  return `${path}.${crypto.randomUUID().slice(0, 8)}${TEMPORARY_SUFFIX}`;
}

/**
 * Replaces `path` with `data` so that a reader, also after a crash, sees the old or the new bytes.
 *
 * @param options `durable: false` spares the flush for what is worth nothing after a power cut, such
 * as the record of a process; the file may be empty then.
 * @throws {Deno.errors} as the file system says; the temporary file is gone then.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: { readonly mode?: number; readonly durable?: boolean } = {},
): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const file = await Deno.open(temporary, {
      write: true,
      createNew: true,
      mode: options.mode ?? 0o600,
    });
    try {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      if (options.durable !== false) await file.sync();
    } finally {
      file.close();
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  if (options.durable !== false) await syncFolder(dirname(path));
}

/** Makes renames and removals in `path` durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await Deno.open(path, { read: true });
  try {
    await folder.sync();
  } finally {
    folder.close();
  }
}
