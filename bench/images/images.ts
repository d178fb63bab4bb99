/**
 * Push, save and load of an image of eight layers, against `skopeo copy` between the same ends: an OCI
 * layout and a registry on this machine, a layout and an archive.
 *
 * Push: both send every blob to a registry that is new; then, into another repository, both let the
 * registry mount what it has. Save: both write an
 * `oci-archive`; neither flushes it. Load: both make an OCI layout of the same archive; ours flushes
 * every blob before it counts, skopeo's flushes none. The disks of a container's root are made behind
 * the back of who loads; the last row tells what they take, for which skopeo has no counterpart.
 *
 * @module
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Images, openImages } from "../../src/image/mod.ts";
import { parsePlatform } from "../../src/oci/mod.ts";
import { realRegistry } from "../../tests/image/support/tools.ts";
import { benchLayout } from "../pull/image.ts";
import { inTurn, median, ms, printTable, ratio, repeat, type Run } from "../table.ts";

const PUSH_LIMIT = 1.2;
const ARCHIVE_LIMIT = 1.0;
const AMD64 = parsePlatform("linux/amd64");

export async function run(args: string[]): Promise<boolean> {
  const missing = await missingTools();
  if (missing.length > 0) {
    console.error(`SKIPPED bench images: needs ${missing.join(", ")}`);
    return true;
  }
  const home = Deno.env.get("HOME") ?? "/tmp";
  const cache = join(Deno.env.get("CTR_CACHE") ?? join(home, ".cache", "ctr"), "bench");
  const layout = await benchLayout(cache);
  const scratch = await Deno.makeTempDir({ dir: cache, prefix: "images-" });
  try {
    return await measure(layout, scratch, args.includes("--quick") ? 1 : 5);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

async function measure(
  layout: string,
  scratch: string,
  rounds: number,
): Promise<boolean> {
  const store = await openStore(join(scratch, "home"));
  await store.images.load({ kind: "directory", path: layout }, { unpack: "later" });
  const archive = join(scratch, "image.tar");
  await skopeo("copy", `oci:${layout}:first`, `oci-archive:${archive}:bench:first`);
  const times = { rounds };
  const [push, theirPush] = await inTurn(pushes(store.images, layout), times);
  await using registry = await realRegistry();
  const [mount, theirMount] = await inTurn(mounts(store.images, layout, registry.host), times);
  const [save, theirSave] = await inTurn(saves(store.images, layout, scratch), times);
  const [load, theirLoad] = await inTurn(loads(archive, scratch), times);
  const disks = await repeat(() => loadOnce(archive, scratch, "now"), times);
  store.close();
  const row = (what: string, ours: number[], peer: number[], limit: number) => {
    const [a, b] = [median(ours), median(peer)];
    return {
      what,
      ours: ms(a),
      peer: ms(b),
      ratio: ratio(a, b),
      limit: `${limit}×`,
      kept: a <= b * limit,
    };
  };
  return printTable([
    row("push 8 layers, against skopeo copy oci: docker://", push!, theirPush!, PUSH_LIMIT),
    row("push into another repository, all mounted", mount!, theirMount!, PUSH_LIMIT),
    row("save, against skopeo copy oci: oci-archive:", save!, theirSave!, ARCHIVE_LIMIT),
    row("load, against skopeo copy oci-archive: oci:", load!, theirLoad!, ARCHIVE_LIMIT),
    { what: "load, with the disks of a container's root", ours: ms(median(disks)) },
  ]);
}

type Push = (repository: string) => Promise<void>;

function pushers(images: Images, layout: string): [ours: Push, theirs: Push] {
  return [
    async (repository) => void await images.push(`${repository}:first`),
    async (repository) =>
      await skopeo(
        "copy",
        "--preserve-digests",
        "--dest-tls-verify=false",
        `oci:${layout}:first`,
        `docker://${repository}:first`,
      ),
  ];
}

/** A registry of its own for each run: both tools know where they have sent a blob before. */
function pushes(images: Images, layout: string): Run[] {
  return pushers(images, layout).map((push) => async () => {
    await using registry = await realRegistry();
    const repository = `${registry.host}/bench/app`;
    await images.tag("first", `${repository}:first`);
    const began = performance.now();
    await push(repository);
    const took = await settled(began);
    await images.remove([`${repository}:first`]);
    return took;
  });
}

/** Another repository each time. */
function mounts(images: Images, layout: string, host: string): Run[] {
  let count = 0;
  return pushers(images, layout).map((push) => async () => {
    const repository = `${host}/bench/app${count++}`;
    await images.tag("first", `${repository}:first`);
    const began = performance.now();
    await push(repository);
    return await settled(began);
  });
}

function saves(images: Images, layout: string, scratch: string): Run[] {
  const path = join(scratch, "saved.tar");
  const fresh = async () => await Deno.remove(path).catch(() => {});
  return [
    async () => {
      await fresh();
      const began = performance.now();
      {
        using file = await Deno.open(path, { write: true, createNew: true });
        for await (const bytes of images.save(["first"])) {
          for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
        }
      }
      return await settled(began);
    },
    async () => {
      await fresh();
      const began = performance.now();
      await skopeo("copy", `oci:${layout}:first`, `oci-archive:${path}:bench:first`);
      return await settled(began);
    },
  ];
}

function loads(archive: string, scratch: string): Run[] {
  return [
    () => loadOnce(archive, scratch, "later"),
    async () => {
      const folder = await Deno.makeTempDir({ dir: scratch });
      const began = performance.now();
      await skopeo("copy", `oci-archive:${archive}:bench:first`, `oci:${folder}/layout:first`);
      const figure = await settled(began);
      await Deno.remove(folder, { recursive: true });
      return figure;
    },
  ];
}

async function loadOnce(archive: string, scratch: string, unpack: "now" | "later") {
  const folder = await Deno.makeTempDir({ dir: scratch });
  const { images, close } = await openStore(folder);
  const began = performance.now();
  await images.load({ kind: "file", path: archive }, { unpack });
  const took = performance.now() - began;
  await images[Symbol.asyncDispose]();
  if (unpack === "now") await images.resolveForRun("bench:first", AMD64);
  close();
  await Deno.remove(folder, { recursive: true });
  return await settled(performance.now() - took);
}

/** The figure, after what was written has gone to the disk: it must not burden the next run. */
async function settled(began: number): Promise<number> {
  const took = performance.now() - began;
  await new Deno.Command("sync").output();
  return took;
}

async function openStore(home: string): Promise<{ images: Images; close: () => void }> {
  await Deno.mkdir(home, { recursive: true });
  const db = new DatabaseSync(join(home, "state.db"));
  const images = await openImages({ home, db, registry: { credentials: [] } });
  return { images, close: () => db.close() };
}

async function skopeo(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("skopeo", {
    args: ["--insecure-policy", ...args],
    stdout: "null",
  }).output();
  if (!success) throw new Error(`skopeo: ${new TextDecoder().decode(stderr)}`);
}

async function missingTools(): Promise<string[]> {
  const missing: string[] = [];
  for (const tool of ["docker-registry", "skopeo", "python3"]) {
    const { success } = await new Deno.Command("sh", {
      args: ["-c", `command -v ${tool}`],
      stdout: "null",
    }).output();
    if (!success) missing.push(tool);
  }
  return missing;
}
