import { join } from "node:path";
import { type Digest, hexOf } from "../oci/mod.ts";

/** Where the store keeps things under a ctr home. */
export class StorePaths {
  /** The OCI image layout. */
  readonly content: string;
  readonly blobs: string;
  readonly index: string;
  readonly layout: string;
  /** Blobs on their way in, on the file system of `blobs`. Other tools do not look here. */
  readonly ingest: string;
  readonly layers: string;
  readonly locks: string;
  readonly leases: string;

  constructor(readonly home: string) {
    this.content = join(home, "content");
    this.blobs = join(this.content, "blobs", "sha256");
    this.index = join(this.content, "index.json");
    this.layout = join(this.content, "oci-layout");
    this.ingest = join(this.content, "ingest");
    this.layers = join(home, "layers");
    this.locks = join(home, "run", "locks");
    this.leases = join(home, "run", "leases");
  }

  blob(digest: Digest): string {
    return join(this.blobs, hexOf(digest));
  }

  /** A download that can be taken up again. */
  partial(digest: Digest): string {
    return join(this.ingest, `${hexOf(digest)}.partial`);
  }

  /** @param id The diff ID of one layer, or the chain ID of several that were merged. */
  disk(id: Digest): string {
    return join(this.layers, `${hexOf(id)}.ext4`);
  }

  /** @param name `blob-<hex>`, `disk-<hex>`, `lease-<id>` or `index`. */
  lock(name: string): string {
    return join(this.locks, name);
  }

  async create(): Promise<void> {
    await Deno.mkdir(this.home, { recursive: true, mode: 0o700 });
    for (const folder of [this.blobs, this.ingest, this.layers, this.locks, this.leases]) {
      await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    }
  }
}

export async function fileSize(path: string): Promise<number | undefined> {
  try {
    const info = await Deno.stat(path);
    return info.isFile ? info.size : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
