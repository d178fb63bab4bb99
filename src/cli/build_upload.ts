import { packTree } from "./tree/pack_tree.ts";

/** A folder as the tar that an engine gets which does not see it. */
export async function* uploadOf(folder: string): AsyncGenerator<Uint8Array, void> {
  const pieces = packTree({ source: folder, name: undefined, followLink: true, note: () => {} });
  // Each piece is written over when the next one is asked for.
  for (const piece of pieces) yield piece.slice();
}
