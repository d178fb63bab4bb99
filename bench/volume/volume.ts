/** A block volume of `ctr` against the same disk of a QEMU started by hand, both driven by fio. */
import { join } from "node:path";
import { BenchHome } from "../cli/bench_home.ts";
import { inTurn, median, printTable, ratio, type Row } from "../table.ts";
import { runByHand } from "./by_hand.ts";

const LIMIT = 0.9;
const BYTES = 1024 ** 3;
/** What a container of 1 GiB has with the guest's own share. */
const MEMORY_MIB = 1152;
const JOBS = ["read", "write", "fsync"] as const;
const WHAT = {
  read: "random 4 KiB reads",
  write: "random 4 KiB writes",
  fsync: "random 4 KiB writes, each with fsync",
};
const IMAGE = "bench/fio";

/** Operations in a second. */
type Figures = Record<typeof JOBS[number], number>;

/** @returns False when a promise is broken. */
export async function run(flags: string[]): Promise<boolean> {
  const quick = flags.includes("--quick");
  const script = await Deno.readTextFile(new URL("work.sh", import.meta.url));
  // By its text: a share beside the volume would be another device.
  const words = ["/bin/busybox", "sh", "-c", script, "work", "/data", quick ? "2" : "5"];
  await using home = await BenchHome.open();
  const folder = join(home.path, "bench");
  await Deno.mkdir(folder);
  await home.ctr("image", "import", await fioFiles(), IMAGE);
  const ours: Figures[] = [];
  const byHand: Figures[] = [];
  // The first of each only warms the host's caches, and makes the layer's disk.
  keep(ours, await inContainer(home, words));
  const layer = await onlyLayer(home);
  const peer = { layer, folder, volumeBytes: BYTES, memoryMib: MEMORY_MIB, args: words };
  keep(byHand, await runByHand(peer));
  await inTurn([
    async () => keep(ours, await inContainer(home, words)),
    async () => keep(byHand, await runByHand(peer)),
  ], { rounds: quick ? 3 : 5, warmups: 0 });
  return printTable(JOBS.map((job) => row(job, ours.slice(1), byHand.slice(1))));
}

/**
 * The ratio is the median of the rounds' own: what a flush takes on the host drifts by a factor within a
 * run, and the two sides of a round lie next to each other.
 */
function row(job: typeof JOBS[number], ours: Figures[], byHand: Figures[]): Row {
  const [a, b] = [ours, byHand].map((all) => median(all.map((figures) => figures[job])));
  const share = median(ours.map((figures, round) => figures[job] / byHand[round]![job]));
  return {
    what: `${WHAT[job]} on a block volume, per second`,
    ours: a!.toFixed(0),
    peer: b!.toFixed(0),
    ratio: ratio(share, 1),
    limit: `≥ ${LIMIT}×`,
    kept: share >= LIMIT,
  };
}

/** With a volume that is new each time, as the other side's disk is. */
async function inContainer(home: BenchHome, words: readonly string[]): Promise<string> {
  await home.ctr("volume", "create", "fio", "-s", String(BYTES));
  const flags = ["--rm", "-m", "1g", "-c", "1", "--progress", "none", "-v", "fio:/data"];
  const printed = await home.ctr("run", ...flags, IMAGE, ...words);
  await home.ctr("volume", "rm", "fio");
  return printed;
}

function keep(all: Figures[], printed: string): number {
  const of = (name: string) => {
    const found = new RegExp(`^${name} ([0-9.]+)$`, "m").exec(printed)?.[1];
    if (found === undefined) throw new Error(`no figure "${name}" in: ${printed}`);
    return Number(found);
  };
  const figures = { read: of("read"), write: of("write"), fsync: of("fsync") };
  all.push(figures);
  return figures.read;
}

async function onlyLayer(home: BenchHome): Promise<string> {
  const folder = join(home.path, "layers");
  const [only] = await Array.fromAsync(Deno.readDir(folder));
  return join(folder, only!.name);
}

async function fioFiles(): Promise<string> {
  const script = new URL("../../scripts/fio-files", import.meta.url).pathname;
  const { success, stdout } = await new Deno.Command(script, { stderr: "inherit" }).output();
  if (!success) throw new Error("scripts/fio-files failed");
  return new TextDecoder().decode(stdout).trim();
}
