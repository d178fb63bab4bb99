/** A layer's archive on its way to a disk: counts, limits, whiteouts. Bytes are pushed, nothing waits. */
import { CtrError, formatSize } from "../core/mod.ts";
import { type Ext4Summary, Ext4Writer, type OutputFile } from "../ext4/mod.ts";
import { type TarEntry, TarReader } from "../tar/mod.ts";
import type { Limits } from "./protocol.ts";
import { isPrivileged, privilegedLabel } from "./privileged.ts";
import { steersOverlay, Whiteouts } from "./whiteouts.ts";

export class LayerDisk {
  readonly #limits: Limits;
  readonly #plain: boolean;
  readonly #disk: Ext4Writer;
  readonly #whiteouts: Whiteouts;
  readonly #reader: TarReader;
  #entries = 0;
  #devices = 0;
  #privilegedFiles = 0;
  #contentBytes = 0;
  /** The current entry is a mark or has no content on the disk. */
  #skipping = false;

  /** @param plain Names that mark what is removed are names like others. */
  constructor(file: OutputFile, limits: Limits, plain = false) {
    this.#limits = limits;
    this.#plain = plain;
    this.#disk = new Ext4Writer(file);
    this.#whiteouts = new Whiteouts(this.#disk);
    this.#reader = new TarReader({
      entry: (entry) => this.#add(entry),
      data: (bytes) => {
        if (!this.#skipping) this.#disk.write(bytes);
      },
      hole: (length) => {
        if (!this.#skipping) this.#disk.hole(length);
      },
    });
  }

  get entries(): number {
    return this.#entries;
  }

  get privilegedFiles(): number {
    return this.#privilegedFiles;
  }

  push(bytes: Uint8Array): void {
    this.#reader.push(bytes);
  }

  finish(uuid: Uint8Array): Ext4Summary {
    this.#reader.finish();
    this.#whiteouts.finish();
    return this.#disk.finish(uuid, privilegedLabel(this.#privilegedFiles));
  }

  #add(entry: TarEntry): void {
    if (++this.#entries > this.#limits.maxEntries) {
      throw new CtrError(
        "too-large",
        `the archive has more than ${this.#limits.maxEntries} entries`,
      );
    }
    if (
      (entry.type === "char" || entry.type === "block") && ++this.#devices > this.#limits.maxDevices
    ) {
      throw new CtrError(
        "too-large",
        `the archive has more than ${this.#limits.maxDevices} devices`,
      );
    }
    this.#contentBytes += entry.size;
    if (this.#contentBytes > this.#limits.maxContentBytes) {
      throw new CtrError(
        "too-large",
        `the files are larger than ${formatSize(this.#limits.maxContentBytes)} together`,
      );
    }
    if (entry.xattrs) entry.xattrs = withoutOverlay(entry.xattrs);
    this.#skipping = !this.#plain && this.#whiteouts.take(entry);
    if (this.#skipping) return;
    if (isPrivileged(entry)) this.#privilegedFiles++;
    this.#disk.add(entry);
  }
}

function withoutOverlay(xattrs: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  for (const name of xattrs.keys()) {
    if (steersOverlay(name)) return new Map([...xattrs].filter(([name]) => !steersOverlay(name)));
  }
  return xattrs;
}
