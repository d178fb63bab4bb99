import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAKE_LAYERS = fileURLToPath(new URL("../make-layers", import.meta.url));
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

/** A layer that `bench/make-layers` makes; `seed` tells equal kinds apart. */
interface Part {
  readonly kind: string;
  readonly scale: number;
  readonly seed: number;
}

/** About 480 MB of files: a distribution, packages, many small files, data. No `edge`: buildah refuses it. */
const PARTS: readonly Part[] = [
  { kind: "distro", scale: 0.5, seed: 1 },
  { kind: "distro", scale: 0.15, seed: 2 },
  { kind: "many", scale: 0.05, seed: 1 },
  { kind: "large", scale: 0.05, seed: 1 },
  { kind: "many", scale: 0.03, seed: 2 },
  { kind: "distro", scale: 0.1, seed: 3 },
  { kind: "many", scale: 0.02, seed: 3 },
  { kind: "many", scale: 0.005, seed: 4 },
];
/** Instead of the last one in the second image. */
const OTHER_TOP: Part = { kind: "many", scale: 0.005, seed: 5 };

interface MadeLayer {
  readonly file: string;
  readonly digest: string;
  readonly size: number;
  readonly diffId: string;
}

/**
 * Makes an OCI layout with the images `first` and `second`, which differ in one small layer.
 *
 * @returns The layout's folder. It is made once and kept in `cache`.
 */
export async function benchLayout(cache: string): Promise<string> {
  const layout = join(cache, "pull-layout-2");
  if (await exists(join(layout, "index.json"))) return layout;
  const made = `${layout}.making`;
  await Deno.remove(made, { recursive: true }).catch(() => {});
  await Deno.mkdir(join(made, "blobs", "sha256"), { recursive: true });
  const layers: MadeLayer[] = [];
  for (const part of [...PARTS, OTHER_TOP]) layers.push(await makeLayer(cache, part));
  for (const { file, digest } of layers) await Deno.copyFile(file, blobPath(made, digest));
  const manifests = [];
  for (const [name, top] of [["first", layers[7]!], ["second", layers[8]!]] as const) {
    const stack = [...layers.slice(0, 7), top];
    const config = await put(made, CONFIG, {
      architecture: "amd64",
      os: "linux",
      config: { Cmd: ["/bin/true"] },
      rootfs: { type: "layers", diff_ids: stack.map(({ diffId }) => diffId) },
    });
    const manifest = await put(made, MANIFEST, {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config,
      layers: stack.map(({ digest, size }) => ({ mediaType: LAYER, digest, size })),
    });
    manifests.push({ ...manifest, annotations: { "org.opencontainers.image.ref.name": name } });
  }
  await Deno.writeTextFile(join(made, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await Deno.writeTextFile(
    join(made, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests }),
  );
  await Deno.rename(made, layout);
  return layout;
}

async function makeLayer(cache: string, { kind, scale, seed }: Part): Promise<MadeLayer> {
  const folder = join(cache, `layers-${scale}-seed${seed}`);
  const file = join(folder, `${kind}.tar.gz`);
  if (!await exists(join(folder, `${kind}.json`))) {
    console.error(`making the layer ${kind} at scale ${scale}`);
    const { success } = await new Deno.Command("python3", {
      args: [
        MAKE_LAYERS,
        "--out",
        folder,
        "--kinds",
        kind,
        "--scale",
        `${scale}`,
        "--seed",
        `${seed}`,
        "--no-zst",
      ],
      stdout: "null",
    }).output();
    if (!success) throw new Error(`make-layers ${kind} failed`);
  }
  const { sha256 } = JSON.parse(await Deno.readTextFile(join(folder, `${kind}.json`)));
  const hash = createHash("sha256");
  using open = await Deno.open(file);
  for await (const bytes of open.readable) hash.update(bytes);
  const { size } = await Deno.stat(file);
  return { file, digest: `sha256:${hash.digest("hex")}`, size, diffId: `sha256:${sha256}` };
}

async function put(layout: string, mediaType: string, value: unknown) {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  await Deno.writeFile(blobPath(layout, digest), bytes);
  return { mediaType, digest, size: bytes.length };
}

function blobPath(layout: string, digest: string): string {
  return join(layout, "blobs", "sha256", digest.slice("sha256:".length));
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
