import { CtrError } from "../core/mod.ts";
import { clone } from "./apfs.ts";
import { libSystem } from "./libc.ts";

const BLOCK = 1 << 20;
const GRAIN = 4096;

/**
 * Copies a sparse file to a new one: what is a hole stays one, and where the file system can, both share
 * their blocks until one is changed.
 *
 * @throws {CtrError} `no-space`; whatever `signal` was aborted with. The new file may be there then.
 */
export async function cloneFile(from: string, to: string, signal?: AbortSignal): Promise<void> {
  const darwin = Deno.build.os === "darwin";
  if (darwin && !await exists(to) && clone(from, to, libSystem())) return;
  const args = darwin
    ? ["-c", "--", from, to]
    : ["--reflink=auto", "--sparse=always", "--", from, to];
  try {
    const command = new Deno.Command("cp", {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "null",
      ...(signal && { signal }),
    });
    const { success } = await command.output();
    signal?.throwIfAborted();
    if (success) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await copySparse(from, to, signal); // a small system's cp knows neither option
}

/** As `cloneFile()`, by reading all of it. */
export async function copySparse(from: string, to: string, signal?: AbortSignal): Promise<void> {
  using source = await Deno.open(from);
  using target = await Deno.open(to, { write: true, create: true, truncate: true, mode: 0o600 });
  const { size } = await source.stat();
  await target.truncate(size);
  const buffer = new Uint8Array(BLOCK);
  for (let at = 0;;) {
    signal?.throwIfAborted();
    const count = await source.read(buffer);
    if (count === null) return;
    for (let start = 0; start < count; start += GRAIN) {
      const grain = buffer.subarray(start, Math.min(count, start + GRAIN));
      if (isZero(grain)) continue;
      await target.seek(at + start, Deno.SeekMode.Start);
      await writeAll(target, grain);
    }
    at += count;
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

function isZero(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const count = await file.write(bytes.subarray(at));
    if (count === 0) throw new CtrError("no-space", "cannot copy a disk: nothing more is taken");
    at += count;
  }
}
