import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { CtrError } from "../core/mod.ts";
import { type Descriptor, DescriptorSchema } from "../oci/mod.ts";
import {
  type Attached,
  type IndexFile,
  type NamedImage,
  readIndexFile,
  writeIndexFile,
} from "./index_file.ts";
import { lockObject } from "./object_lock.ts";
import { fileSize, type StorePaths } from "./paths.ts";

const Row = z.object({
  reference: z.string(),
  descriptor: z.string(),
  created_ms: z.number().int(),
});

/** What becomes of the names, given those that there are. */
export type Change = (images: ReadonlyMap<string, NamedImage>) => Iterable<NamedImage>;

/**
 * Which reference names which image.
 *
 * `content/index.json` is the truth, because it survives the database and because other tools read
 * it. The table repeats it for lists and is corrected from it when they differ, which happens when a
 * process is killed between the two writes.
 */
export class Records {
  #db: DatabaseSync;
  #paths: StorePaths;

  constructor(db: DatabaseSync, paths: StorePaths) {
    this.#db = db;
    this.#paths = paths;
  }

  list(): NamedImage[] {
    const rows = this.#db.prepare(
      "SELECT reference, descriptor, created_ms FROM images ORDER BY reference",
    ).all();
    return rows.map(fromRow);
  }

  find(reference: string): NamedImage | undefined {
    const row = this.#db.prepare(
      "SELECT reference, descriptor, created_ms FROM images WHERE reference = ?",
    ).get(reference);
    return row && fromRow(row);
  }

  /** Descriptors that other tools put into the layout; what they lead to is kept. */
  async foreign(): Promise<readonly Descriptor[]> {
    return (await readIndexFile(this.#paths)).foreign;
  }

  /** Manifests that are attached to others. */
  async attached(): Promise<readonly Attached[]> {
    return (await readIndexFile(this.#paths)).attached;
  }

  /** Changes the names in one step that a crash does not split. */
  async change(change: Change): Promise<void> {
    await this.#change((file) => {
      const before = new Map(file.images.map((image) => [image.reference, image]));
      const images = [...change(before)].sort((a, b) => a.reference < b.reference ? -1 : 1);
      return { ...file, images };
    });
  }

  async changeAttached(
    change: (attached: readonly Attached[]) => readonly Attached[],
  ): Promise<void> {
    await this.#change((file) => ({ ...file, attached: change(file.attached) }));
  }

  async #change(change: (file: IndexFile) => IndexFile): Promise<void> {
    await using _lock = await lockObject(this.#paths.lock("index"));
    const file = change(await readIndexFile(this.#paths));
    await writeIndexFile(this.#paths, file);
    this.#replace(file.images);
  }

  /** Gives `reference` to `descriptor`. */
  async put(reference: string, descriptor: Descriptor): Promise<NamedImage> {
    const image = { reference, descriptor, createdMs: Date.now() };
    await this.change((images) => new Map(images).set(reference, image).values());
    return image;
  }

  /** Makes the table agree with the layout, or the layout with the table where it is lost. */
  async rebuild(): Promise<void> {
    await using _lock = await lockObject(this.#paths.lock("index"));
    if (await fileSize(this.#paths.index) === undefined) {
      return await writeIndexFile(this.#paths, {
        images: this.list(),
        foreign: [],
        attached: [],
      });
    }
    const { images } = await readIndexFile(this.#paths);
    const key = (image: NamedImage) => `${image.reference} ${image.descriptor.digest}`;
    const agrees = images.map(key).sort().join() === this.list().map(key).sort().join();
    if (!agrees) this.#replace(images);
  }

  #replace(images: readonly NamedImage[]): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      this.#db.exec("DELETE FROM images");
      const insert = this.#db.prepare(
        "INSERT INTO images (reference, digest, descriptor, created_ms) VALUES (?, ?, ?, ?)",
      );
      for (const { reference, descriptor, createdMs } of images) {
        insert.run(reference, descriptor.digest, JSON.stringify(descriptor), createdMs);
      }
      this.#db.exec("COMMIT");
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }
}

function fromRow(value: unknown): NamedImage {
  try {
    const { reference, descriptor, created_ms } = Row.parse(value);
    return {
      reference,
      descriptor: DescriptorSchema.parse(JSON.parse(descriptor)),
      createdMs: created_ms,
    };
  } catch (cause) {
    throw new CtrError("bad-data", "cannot read the table of images: a row is damaged", { cause });
  }
}
