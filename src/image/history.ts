import { type Platform } from "../oci/mod.ts";
import type { ImageManifest } from "./graph.ts";
import { findImage, imageFor, presentImages } from "./resolve.ts";
import type { Store } from "./store.ts";
import type { HistoryEntry } from "./form_types.ts";

/** How an image came to be, the last step first. Old tools tell less than there are layers. */
export async function imageHistory(
  store: Store,
  text: string,
  wanted: Platform | undefined,
): Promise<HistoryEntry[]> {
  return historyOf(await oneImage(store, text, wanted, "show the history of"));
}

/** The platform that was asked for; else the host's; else the only one that is here. */
export async function oneImage(
  store: Store,
  text: string,
  wanted: Platform | undefined,
  action: string,
): Promise<ImageManifest> {
  const { descriptor } = findImage(store, text, action);
  const shown = store.familiar(store.parse(text));
  if (wanted === undefined) {
    const present = await presentImages(store, descriptor);
    if (present.length === 1) return present[0]!;
  }
  return await imageFor(store, descriptor, wanted ?? store.hostPlatform, shown);
}

function historyOf({ config, layers }: ImageManifest): HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  let next = 0;
  for (const step of config.history ?? []) {
    const layer = step.empty_layer ? undefined : layers[next++];
    entries.push({
      ...(step.created !== undefined && { created: step.created }),
      createdBy: step.created_by ?? "",
      comment: step.comment ?? "",
      size: layer?.size ?? 0,
      ...(layer && { layer: layer.digest }),
    });
  }
  for (const layer of layers.slice(next)) {
    entries.push({ createdBy: "", comment: "", size: layer.size, layer: layer.digest });
  }
  return entries.reverse();
}
