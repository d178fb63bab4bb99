/** Digests of many files, in a worker: what keys of a build's steps are made of. */
import { createHash } from "node:crypto";
import { CtrError } from "../core/mod.ts";
import { type Ext4Reader, openExt4 } from "../ext4/mod.ts";
import { textOf } from "../tar/mod.ts";
import type { DigestedFile } from "./layer_content.ts";
import type { DigestJob } from "./protocol.ts";

const SIZE = 32;
const ZEROS = new Uint8Array(1 << 18);

/** @returns 32 bytes for each file, in their order. */
export function runDigestJob({ files, disks }: DigestJob): Uint8Array<ArrayBuffer> {
  const opened = disks.map((path) => Deno.openSync(path, { read: true }));
  try {
    const readers = opened.map((file) => openExt4(file));
    const buffer = new Uint8Array(1 << 20);
    const digests = new Uint8Array(files.length * SIZE);
    for (const [at, file] of files.entries()) {
      digests.set(digestOf(file, readers, buffer), at * SIZE);
    }
    return digests;
  } finally {
    for (const file of opened) file.close();
  }
}

function digestOf(
  file: DigestedFile,
  readers: readonly Ext4Reader[],
  buffer: Uint8Array,
): Uint8Array {
  const { content, size } = file;
  const hash = createHash("sha256");
  if (content.from === "bytes") return hash.update(content.bytes).digest();
  if (content.from === "disk") {
    const reader = readers[content.disk]!;
    reader.read(reader.inode(content.inode), {
      data: (bytes) => hash.update(bytes),
      hole: (length) => {
        for (let left = length; left > 0; left -= ZEROS.length) {
          hash.update(left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS);
        }
      },
    });
    return hash.digest();
  }
  const open = Deno.openSync(content.path, { read: true });
  try {
    const { isFile, ino } = open.statSync();
    if (!isFile || (content.inode !== undefined && ino !== content.inode)) throw changed(file);
    let bytes = 0;
    for (let got = open.readSync(buffer); got !== null; got = open.readSync(buffer)) {
      hash.update(buffer.subarray(0, got));
      if ((bytes += got) >= size) break;
    }
    if (bytes !== size) throw changed(file);
    return hash.digest();
  } finally {
    open.close();
  }
}

function changed({ path }: DigestedFile): CtrError {
  return new CtrError("bad-data", `${JSON.stringify(textOf(path))} changed while it was read`);
}
