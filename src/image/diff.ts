import { compareTrees } from "../unpack/mod.ts";
import { completeDisks } from "./complete_disks.ts";
import { withAction } from "./disk_errors.ts";
import type { ImageManifest } from "./graph.ts";
import { oneImage } from "./history.ts";
import type { ImageLease } from "./images.ts";
import { diskIds, missingBlob } from "./layer_disks.ts";
import { takeLease } from "./lease.ts";
import type { Store } from "./store.ts";
import type { ConfigChange, DiffOptions, ImageDiff } from "./form_types.ts";

/** Fields of a configuration that are told; more are counted by none. */
const MAX_FIELDS = 50;

/** What differs between two images: files by their layers' disks, and the configuration. */
export async function diffImages(
  store: Store,
  a: string,
  b: string,
  options: DiffOptions,
): Promise<ImageDiff> {
  const shown = [a, b].map((text) => store.familiar(store.parse(text)));
  const action = `cannot compare "${shown[0]}" with "${shown[1]}"`;
  return await withAction(action, store.paths.home, async () => {
    await using lease = await takeLease(store.paths);
    const before = await oneImage(store, a, options.platform, "compare");
    const after = await oneImage(store, b, options.platform, "compare");
    const { signal } = options;
    const files = await compareTrees(
      await disksOf(store, before, shown[0]!, lease, signal),
      await disksOf(store, after, shown[1]!, lease, signal),
      { maxEntries: store.limits.layerEntries, signal },
    );
    return { files, config: configChanges(documentOf(before), documentOf(after)) };
  });
}

async function disksOf(
  store: Store,
  image: ImageManifest,
  shown: string,
  lease: ImageLease,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const ids = diskIds(store.disks.plan(image.layers));
  await lease.add(...ids, ...image.layers.map(({ digest }) => digest));
  const there = await Promise.all(ids.map((id) => store.disks.has(id)));
  if (there.includes(false)) {
    for (const layer of image.layers) {
      if (!await store.content.has(layer)) throw missingBlob(shown, layer);
    }
  }
  return await completeDisks(store, image.layers, { signal });
}

function documentOf({ configBytes }: ImageManifest): unknown {
  return JSON.parse(new TextDecoder().decode(configBytes));
}

/** How an image was made differs between any two; what it does is what people compare. */
const LEFT_OUT = new Set(["created", "history", "rootfs", "container", "id", "docker_version"]);

/** Differing leaves, `config.Env` and the like, in the order of the alphabet. */
export function configChanges(a: unknown, b: unknown): ConfigChange[] {
  const changes: ConfigChange[] = [];
  compare("", a, b);
  return changes.slice(0, MAX_FIELDS);

  function compare(path: string, before: unknown, after: unknown): void {
    if (isObject(before) && isObject(after)) {
      for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
        if (path === "" && LEFT_OUT.has(key)) continue;
        compare(path === "" ? key : `${path}.${key}`, before[key], after[key]);
      }
    } else if (JSON.stringify(before ?? null) !== JSON.stringify(after ?? null)) {
      changes.push({ field: path, before: before ?? null, after: after ?? null });
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
