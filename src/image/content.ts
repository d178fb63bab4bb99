import { createHash } from "node:crypto";
import { join } from "node:path";
import { CtrError, isCtrError, syncFolder } from "../core/mod.ts";
import { type Digest, digestOf, hexOf } from "../oci/mod.ts";
import { lockObject } from "./object_lock.ts";
import { fileSize, removeIfThere, type StorePaths } from "./paths.ts";

/** Bytes of documents that are kept in memory. */
const KEPT_BYTES = 8 * 1024 * 1024;

/** Bytes that are read at once. */
const SMALL = 64 * 1024;

export interface BlobSize {
  readonly digest: Digest;
  readonly size: number;
}

/** Blobs under their digests. A blob is there whole and verified, or it is not there. */
export class ContentStore {
  /** Small blobs that were read, by digest; each is used only while its file is the same. */
  readonly #read = new Map<Digest, { readonly bytes: Uint8Array; readonly file: string }>();
  #readBytes = 0;

  constructor(readonly paths: StorePaths) {}

  /** Bytes, or undefined if the blob is not here. */
  size(digest: Digest): Promise<number | undefined> {
    return fileSize(this.paths.blob(digest));
  }

  /** @throws {CtrError} `bad-data` if the blob is here and `size` is not its size. */
  async has({ digest, size }: BlobSize): Promise<boolean> {
    const actual = await this.size(digest);
    if (actual !== undefined && actual !== size) {
      throw new CtrError(
        "bad-data",
        `cannot use blob ${
          digest.slice(0, 19)
        }: it has ${actual} bytes, not ${size} as its descriptor says`,
      );
    }
    return actual !== undefined;
  }

  /**
   * Reads a small blob and checks it again: disks rot, and other tools may write here.
   *
   * @returns Undefined if it is not here.
   * @throws {CtrError} `bad-data`, `too-large` over `limit` bytes.
   */
  async read(digest: Digest, limit: number): Promise<Uint8Array | undefined> {
    const path = this.paths.blob(digest);
    const found = identityOf(path);
    if (found === undefined) return undefined;
    const { size, file } = found;
    const known = this.#read.get(digest);
    if (known?.file === file && size <= limit) return known.bytes;
    if (size > limit) {
      throw new CtrError(
        "too-large",
        `cannot read blob ${digest.slice(0, 19)}: it has ${size} bytes, more than ${limit}`,
      );
    }
    // A round trip to another thread takes longer than the read, and there may be thousands.
    const bytes = size <= SMALL ? Deno.readFileSync(path) : await Deno.readFile(path);
    if (digestOf(bytes) === digest) {
      this.#remember(digest, bytes, file);
      return bytes;
    }
    throw new CtrError(
      "bad-data",
      `cannot read blob ${digest.slice(0, 19)}: its bytes have changed`,
      {
        hint: "remove the image and pull it again",
      },
    );
  }

  /** Documents of images are read again and again, and never change. */
  #remember(digest: Digest, bytes: Uint8Array, file: string): void {
    if (bytes.length > KEPT_BYTES / 64) return;
    this.#readBytes -= this.#read.get(digest)?.bytes.length ?? 0;
    this.#read.delete(digest);
    this.#read.set(digest, { bytes, file });
    this.#readBytes += bytes.length;
    for (const [oldest, { bytes }] of this.#read) {
      if (this.#readBytes <= KEPT_BYTES) break;
      this.#read.delete(oldest);
      this.#readBytes -= bytes.length;
    }
  }

  /** As `read`, for those who can get the blob elsewhere: undefined also if its bytes changed. */
  async readSound(digest: Digest, limit: number): Promise<Uint8Array | undefined> {
    try {
      return await this.read(digest, limit);
    } catch (error) {
      if (isCtrError(error, "bad-data")) return undefined;
      throw error;
    }
  }

  /**
   * @param onDigest Called before the blob gets its name, with the name's lock held: the place to
   * lease a digest that was not known before.
   * @throws {CtrError} `bad-data` if `expected` does not hold.
   */
  async write(
    bytes: AsyncIterable<Uint8Array> | Uint8Array,
    expected?: BlobSize,
    onDigest?: (digest: Digest) => Promise<void>,
  ): Promise<BlobSize> {
    const name = crypto.randomUUID();
    await using _mine = await lockObject(this.paths.lock(`blob-${name}`));
    const temporary = join(this.paths.ingest, `${name}.tmp`);
    try {
      const written = await writeHashed(temporary, bytes, expected?.size);
      if (expected && (written.digest !== expected.digest || written.size !== expected.size)) {
        throw new CtrError(
          "bad-data",
          `cannot keep blob ${expected.digest.slice(0, 19)}: its bytes have another digest`,
        );
      }
      await using _named = await lockObject(this.paths.lock(`blob-${hexOf(written.digest)}`));
      await onDigest?.(written.digest);
      await this.publish(temporary, written.digest);
      return written;
    } catch (error) {
      await removeIfThere(temporary);
      throw error;
    }
  }

  /** Gives flushed, verified bytes their name, for good. */
  async publish(temporary: string, digest: Digest): Promise<void> {
    await Deno.rename(temporary, this.paths.blob(digest));
    await syncFolder(this.paths.blobs);
  }
}

/** Which file stands under a name. Synchronous: its thread's round trip would cost ten times more. */
function identityOf(path: string): { readonly size: number; readonly file: string } | undefined {
  try {
    const { isFile, size, ino, mtime } = Deno.statSync(path);
    return isFile ? { size, file: `${ino} ${mtime?.getTime()} ${size}` } : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function writeHashed(
  path: string,
  source: AsyncIterable<Uint8Array> | Uint8Array,
  limit = Infinity,
): Promise<BlobSize> {
  const hash = createHash("sha256");
  let size = 0;
  const file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  try {
    for await (const bytes of source instanceof Uint8Array ? [source] : source) {
      size += bytes.length;
      if (size > limit) break; // too long: the caller sees it by the size
      hash.update(bytes);
      await writeAll(file, bytes);
    }
    await file.sync();
  } finally {
    file.close();
  }
  return { digest: `sha256:${hash.digest("hex")}`, size };
}

export async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}
