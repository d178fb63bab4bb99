/**
 * Pull, verify and unpack an image of eight layers from a registry on this machine, against
 * `skopeo copy` with `umoci unpack`, and against `buildah pull`.
 *
 * Ours flushes every blob and disk to the disk before it counts; the others flush nothing.
 *
 * @module
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openImages } from "../../src/image/mod.ts";
import { parsePlatform } from "../../src/oci/mod.ts";
import { median, ms, printTable, ratio } from "../table.ts";
import { realRegistry } from "../../tests/image/support/tools.ts";
import { benchLayout } from "./image.ts";

const LIMIT = 0.5;
const SECOND_LIMIT = 0.1;

export async function run(args: string[]): Promise<boolean> {
  const missing = await missingTools();
  if (missing.length > 0) {
    console.error(`SKIPPED bench pull: needs ${missing.join(", ")}`);
    return true;
  }
  const home = Deno.env.get("HOME") ?? "/tmp";
  const cache = join(Deno.env.get("CTR_CACHE") ?? join(home, ".cache", "ctr"), "bench");
  const layout = await benchLayout(cache);
  const scratch = await Deno.makeTempDir({ dir: cache, prefix: "pull-" });
  try {
    await using registry = await realRegistry();
    for (const name of ["first", "second"]) {
      await program(
        "skopeo",
        "--insecure-policy",
        "copy",
        "--preserve-digests",
        "--dest-tls-verify=false",
        `oci:${layout}:${name}`,
        `docker://${registry.host}/bench:${name}`,
      );
    }
    return await measure(`${registry.host}/bench`, scratch, args.includes("--quick") ? 1 : 5);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

async function measure(repository: string, scratch: string, rounds: number): Promise<boolean> {
  const driver = await bestDriver(repository, scratch);
  const first: number[] = [];
  const second: number[] = [];
  const umoci: number[] = [];
  const buildah: number[] = [];
  const runs = [
    async (counts: boolean) => {
      const [one, two] = await ours(repository, scratch);
      if (counts) first.push(one), second.push(two);
    },
    async (counts: boolean) => {
      const figure = await skopeoAndUmoci(repository, scratch);
      if (counts) umoci.push(figure);
    },
    async (counts: boolean) => {
      const figure = await buildahPull(repository, scratch, driver);
      if (counts) buildah.push(figure);
    },
  ];
  for (let round = -1; round < rounds; round++) {
    for (const one of round % 2 === 0 ? runs : runs.toReversed()) await one(round >= 0);
  }
  const [a, b, c, d] = [median(first), median(second), median(umoci), median(buildah)];
  const row = (what: string, value: number, peer: number, limit: number) => ({
    what,
    ours: ms(value),
    peer: ms(peer),
    ratio: ratio(value, peer),
    limit: `${limit}×`,
    kept: value <= peer * limit,
  });
  return printTable([
    row("8 layers, against skopeo copy + umoci unpack", a, c, LIMIT),
    row(`8 layers, against buildah pull (${driver})`, a, d, LIMIT),
    row("7 of them shared, against the first pull", b, a, SECOND_LIMIT),
  ]);
}

/** @returns Milliseconds of the first image's pull and of the second's. */
async function ours(repository: string, scratch: string): Promise<[number, number]> {
  return await inFolder(scratch, async (home) => {
    const db = new DatabaseSync(join(home, "state.db"));
    const images = await openImages({ home, db, registry: { credentials: [] } });
    const platform = parsePlatform("linux/amd64");
    const figures: number[] = [];
    for (const tag of ["first", "second"]) {
      const began = performance.now();
      await images.pull(`${repository}:${tag}`, { platform });
      const { layerDisks } = await images.resolveForRun(`${repository}:${tag}`, platform);
      figures.push(performance.now() - began);
      if (layerDisks.length !== 8) throw new Error(`${layerDisks.length} disks`);
    }
    db.close();
    return [figures[0]!, figures[1]!];
  });
}

async function skopeoAndUmoci(repository: string, scratch: string): Promise<number> {
  return await inFolder(scratch, async (folder) => {
    const began = performance.now();
    await program(
      "skopeo",
      "--insecure-policy",
      "copy",
      "--src-tls-verify=false",
      `docker://${repository}:first`,
      `oci:${folder}/layout:first`,
    );
    await program("umoci", "unpack", "--image", `${folder}/layout:first`, `${folder}/bundle`);
    return performance.now() - began;
  });
}

async function buildahPull(repository: string, scratch: string, driver: string): Promise<number> {
  return await inFolder(scratch, async (folder) => {
    const policy = `${folder}/policy.json`;
    await Deno.writeTextFile(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
    const storage = [
      "--root",
      `${folder}/root`,
      "--runroot",
      `${folder}/run`,
      "--storage-driver",
      driver,
    ];
    const began = performance.now();
    await program(
      "buildah",
      ...storage,
      "pull",
      "--quiet",
      "--tls-verify=false",
      "--signature-policy",
      policy,
      `docker://${repository}:first`,
    );
    const took = performance.now() - began;
    await new Deno.Command("umount", { args: [`${folder}/root/overlay`], stderr: "null" }).output();
    return took;
  });
}

/** What buildah is best at here. */
async function bestDriver(repository: string, scratch: string): Promise<string> {
  let best = "vfs";
  let least = Infinity;
  for (const driver of ["overlay", "vfs"]) {
    const took = await buildahPull(repository, scratch, driver).catch(() => Infinity);
    if (took < least) [best, least] = [driver, took];
  }
  return best;
}

/** A folder for one run. What it wrote is flushed and gone before the next one begins. */
async function inFolder<T>(scratch: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ dir: scratch });
  try {
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
    await program("sync");
  }
}

async function program(name: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(name, { args, stdout: "null" }).output();
  if (!success) throw new Error(`${name}: ${new TextDecoder().decode(stderr)}`);
}

async function missingTools(): Promise<string[]> {
  const missing = Deno.uid() === 0 ? [] : ["root"];
  for (const tool of ["docker-registry", "skopeo", "umoci", "buildah", "python3"]) {
    const { success } = await new Deno.Command("sh", {
      args: ["-c", `command -v ${tool}`],
      stdout: "null",
    }).output();
    if (!success) missing.push(tool);
  }
  return missing;
}
