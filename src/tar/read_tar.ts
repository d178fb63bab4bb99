import { CtrError } from "../core/mod.ts";
import type { TarEntry } from "./entry.ts";
import { type TarLimits, TarReader } from "./reader.ts";

/** Reads a whole archive that is in memory; for tests and small archives. */
export function readTar(
  archive: Uint8Array,
  limits?: TarLimits,
): { readonly entry: TarEntry; readonly content: Uint8Array }[] {
  const found: { entry: TarEntry; content: Uint8Array; at: number }[] = [];
  const reader = new TarReader({
    entry: (entry) => {
      if (entry.size > 1 << 30) {
        throw new CtrError("too-large", "read tar: an entry does not fit in memory");
      }
      found.push({ entry, content: new Uint8Array(entry.size), at: 0 });
    },
    data: (bytes) => {
      const last = found.at(-1)!;
      last.content.set(bytes, last.at);
      last.at += bytes.length;
    },
    hole: (length) => {
      found.at(-1)!.at += length;
    },
  }, limits);
  reader.push(archive);
  reader.finish();
  return found.map(({ entry, content }) => ({ entry, content }));
}
