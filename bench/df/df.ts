/**
 * What `ctr system df` and `prune` take over a home with many images: records as a year of pulls leaves
 * them, bytes as few as can be.
 *
 * @module
 */
import { join } from "node:path";
import { digestOf, MEDIA_TYPE } from "../../src/oci/mod.ts";
import { BIN, bundledMain } from "../cli/bundled.ts";
import { median, ms, printTable, type Row } from "../table.ts";

const IMAGES = 500;
const LAYERS_EACH = 10;
const LIMIT_MS = 1000;

/** @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const rounds = args.includes("--quick") ? 2 : 5;
  await bundledMain();
  const what = `${IMAGES} images, ${IMAGES * LAYERS_EACH} layers`;
  const looking: [string, string[]][] = [
    ["ctr system df", ["system", "df"]],
    ["ctr system df -v", ["system", "df", "-v"]],
    ["ctr image prune, nothing to remove", ["image", "prune"]],
    ["ctr system prune, nothing to remove", ["system", "prune"]],
  ];
  const rows: Row[] = [];
  const home = await makeHome();
  try {
    for (const [name, words] of looking) {
      const figures: number[] = [];
      for (let round = 0; round < rounds; round++) figures.push(await timeOf(home, words));
      rows.push(rowOf(`${name}: ${what}`, median(figures)));
    }
    rows.push(rowOf(
      `ctr system prune -a, a label that none has: ${what}`,
      await timeOf(home, ["system", "prune", "-a", "--filter", "label=none"]),
    ));
    const all = await timeOf(home, ["system", "prune", "-a"]);
    rows.push(rowOf(`ctr system prune -a, all of it goes: ${what}`, all));
  } finally {
    await ctr(home, ["system", "stop"]);
    await Deno.remove(home, { recursive: true });
  }
  return printTable(rows);
}

function rowOf(what: string, figure: number): Row {
  return { what, ours: ms(figure), limit: ms(LIMIT_MS), kept: figure <= LIMIT_MS };
}

async function timeOf(home: string, words: readonly string[]): Promise<number> {
  await ctr(home, ["system", "start"]);
  const began = performance.now();
  await ctr(home, words);
  return performance.now() - began;
}

async function ctr(home: string, words: readonly string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(BIN, {
    args: [...words],
    env: { CTR_HOME: home, CTR_CONFIG: join(home, "config.toml") },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (code === 0) return;
  throw new Error(`ctr ${words.join(" ")} ended with ${code}: ${new TextDecoder().decode(stderr)}`);
}

/** A home whose store is an OCI layout, with a sparse disk for each layer. */
async function makeHome(): Promise<string> {
  const home = await Deno.makeTempDir({ prefix: "ctr-bench-df-" });
  const blobs = join(home, "content/blobs/sha256");
  for (const folder of [blobs, join(home, "layers")]) await Deno.mkdir(folder, { recursive: true });
  const blob = (mediaType: string, value: unknown) => {
    const bytes = new TextEncoder().encode(
      typeof value === "string" ? value : JSON.stringify(value),
    );
    const digest = digestOf(bytes);
    Deno.writeFileSync(join(blobs, digest.slice("sha256:".length)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const manifests = [];
  for (let image = 0; image < IMAGES; image++) {
    const layers = [];
    const diffIds = [];
    for (let layer = 0; layer < LAYERS_EACH; layer++) {
      layers.push(blob(MEDIA_TYPE.layerGzip, `layer ${layer} of ${image}`));
      const diffId = digestOf(new TextEncoder().encode(`tree ${layer} of ${image}`));
      diffIds.push(diffId);
      const disk = join(home, "layers", `${diffId.slice("sha256:".length)}.ext4`);
      Deno.writeFileSync(disk, new Uint8Array(4096));
      Deno.truncateSync(disk, 1 << 20);
    }
    const platform = { os: "linux", architecture: "amd64" };
    const config = blob(MEDIA_TYPE.config, {
      ...platform,
      config: { Cmd: ["sh"] },
      rootfs: { type: "layers", diff_ids: diffIds },
    });
    const manifest = blob(MEDIA_TYPE.manifest, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config,
      layers,
    });
    const index = blob(MEDIA_TYPE.index, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.index,
      manifests: [{ ...manifest, platform }],
    });
    const name = `docker.io/library/image${image}:latest`;
    manifests.push({
      ...index,
      annotations: {
        "org.opencontainers.image.ref.name": name,
        "io.containerd.image.name": name,
        "io.ctr.image.created": new Date(0).toISOString(),
      },
    });
  }
  const layout = { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests };
  await Deno.writeTextFile(join(home, "content/index.json"), JSON.stringify(layout));
  return home;
}
