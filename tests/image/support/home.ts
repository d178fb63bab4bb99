import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { CtrError } from "../../../src/core/mod.ts";
import { digestOf } from "../../../src/oci/mod.ts";
import {
  type Images,
  type ImagesOptions,
  openImages,
  type Unpacker,
} from "../../../src/image/mod.ts";
import { concat } from "./samples.ts";

/** A ctr home in a temporary folder, removed at the end. */
export class TestHome implements AsyncDisposable {
  #db: DatabaseSync | undefined;

  constructor(readonly path: string) {}

  async images(options: Partial<ImagesOptions> = {}): Promise<Images> {
    this.#db?.close();
    this.#db = new DatabaseSync(`${this.path}/state.db`);
    this.#db.exec("PRAGMA journal_mode = WAL");
    return await openImages({
      home: this.path,
      db: this.#db,
      unpacker: fakeUnpacker,
      ...options,
      registry: { credentials: [], deadlines: QUICK, ...options.registry },
    });
  }

  /** Names of all files below the home, but the database's. */
  async files(): Promise<string[]> {
    const found: string[] = [];
    const walk = async (folder: string) => {
      for await (const { name, isDirectory } of Deno.readDir(`${this.path}/${folder}`)) {
        const path = folder === "" ? name : `${folder}/${name}`;
        if (isDirectory) await walk(path);
        else if (!name.startsWith("state.db")) found.push(path);
      }
    };
    await walk("");
    return found.sort();
  }

  /** What nobody owns any more: temporary files, partial downloads, locks, leases. */
  async leftOvers(): Promise<string[]> {
    return (await this.files()).filter((path) =>
      /\.(tmp|partial)$|^run\/(locks|leases)\/|^content\/ingest\//.test(path)
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db?.close();
    await Deno.remove(this.path, { recursive: true });
  }
}

export async function testHome(): Promise<TestHome> {
  return new TestHome(await Deno.makeTempDir({ prefix: "ctr-image-" }));
}

/** Deadlines for a registry in this process. */
export const QUICK = { headersMs: 5000, stallMs: 5000, firstPauseMs: 5, maxPauseMs: 50 };

/**
 * Stands in for the workers of `unpack/` where a test is about everything around them: it checks the
 * digests and writes the plain tar as the "disk".
 */
export const fakeUnpacker = (): Promise<Unpacker> =>
  Promise.resolve({
    async unpackLayer({ source, expectedDigest, expectedDiffId, target, signal }) {
      const parts: Uint8Array[] = [];
      if (typeof source === "string") parts.push(await Deno.readFile(source));
      else for await (const part of source) parts.push(part.slice());
      signal?.throwIfAborted();
      const whole = concat(...parts);
      const digest = `sha256:${createHash("sha256").update(whole).digest("hex")}`;
      if (expectedDigest !== digest) {
        throw new CtrError("bad-data", `cannot unpack: the layer has the digest ${digest}`);
      }
      const tar = plain(whole);
      const diffId = digestOf(tar);
      if (expectedDiffId !== diffId) {
        throw new CtrError("bad-data", `cannot unpack: the layer has the diff ID ${diffId}`);
      }
      const temporary = `${target}.${crypto.randomUUID().slice(0, 8)}.tmp`;
      try {
        await Deno.writeFile(temporary, tar);
        await Deno.rename(temporary, target);
      } catch (error) {
        await Deno.remove(temporary).catch(() => {});
        throw error;
      }
      const size = tar.length;
      return {
        diffId,
        digest,
        compressedBytes: whole.length,
        uncompressedBytes: size,
        entries: 1,
        privilegedFiles: 0,
        blocks: 1,
        sizeBytes: size,
      };
    },
    async mergeLayers({ sources, target }) {
      const parts = await Promise.all(sources.map((source) => Deno.readFile(source)));
      await Deno.writeFile(target, concat(...parts));
      return { entries: 1, privilegedFiles: 0, blocks: 1, sizeBytes: 1 };
    },
  });

function plain(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return new Uint8Array(gunzipSync(bytes));
  if (bytes[0] === 0x28 && bytes[1] === 0xb5) return new Uint8Array(zstdDecompressSync(bytes));
  return bytes;
}
