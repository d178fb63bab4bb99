/** A bind mount of `ctr` against the same folder through QEMU and virtiofsd started by hand. */
import { join } from "node:path";
import { BUSYBOX } from "../../tests/run/ctr_home.ts";
import { BenchHome } from "../cli/bench_home.ts";
import { inTurn, median, ms, printTable, ratio, type Row } from "../table.ts";
import { makeDisk, runByHand } from "./by_hand.ts";

const LIMIT = 1.2;
const FOLDERS = 100;
const GIB = 1024 ** 3;
/** What a container of 1 GiB has with the guest's own share. */
const MEMORY_MIB = 1152;

/** Milliseconds by the guest's clock. */
interface Figures {
  readonly tree: number;
  readonly file: number;
}

/** @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const quick = args.includes("--quick");
  const files = quick ? 2000 : 20_000;
  const bytes = quick ? GIB / 16 : GIB;
  await using home = await BenchHome.open();
  const folder = join(home.path, "bench");
  const data = join(folder, "data");
  await Deno.mkdir(data, { recursive: true });
  await makeTree(join(data, "tree"), files);
  await makeFile(join(data, "file"), bytes);
  await Deno.copyFile(new URL("work.sh", import.meta.url), join(folder, "work.sh"));
  const out = ["-v", `${folder}:/out`];
  await home.ctr(
    "run",
    "--rm",
    "--progress",
    "none",
    ...out,
    BUSYBOX,
    "cp",
    "/bin/busybox",
    "/out/",
  );
  const disk = await makeDisk(folder, join(folder, "busybox"));

  const ours: Figures[] = [];
  const byHand: Figures[] = [];
  await inTurn([
    async () => keep(ours, await inContainer(home, folder, data)),
    async () => keep(byHand, await runByHand(disk, data, folder, MEMORY_MIB)),
  ], { rounds: quick ? 1 : 3, warmups: 1 });
  // The first of each only warmed the host's caches.
  const row = (what: string, of: (figures: Figures) => number): Row => {
    const [a, b] = [ours, byHand].map((all) => median(all.slice(1).map(of)));
    return {
      what,
      ours: ms(a!),
      peer: ms(b!),
      ratio: ratio(a!, b!),
      limit: ratio(LIMIT, 1),
      kept: a! / b! <= LIMIT,
    };
  };
  return printTable([
    row(`tar of ${files} files through a bind mount`, ({ tree }) => tree),
    row(`${bytes / 1024 ** 2} MiB read through a bind mount`, ({ file }) => file),
  ]);
}

function inContainer(home: BenchHome, folder: string, data: string): Promise<string> {
  const mounts = ["-v", `${data}:/data`, "-v", `${folder}/work.sh:/work.sh`];
  const words = ["run", "--rm", "--privileged", "-m", "1g", "--progress", "none", ...mounts];
  return home.ctr(...words, BUSYBOX, "sh", "/work.sh", "/data");
}

function keep(all: Figures[], printed: string): number {
  const of = (name: string) => {
    const found = new RegExp(`^${name} (\\d+)$`, "m").exec(printed)?.[1];
    if (found === undefined) throw new Error(`no figure "${name}" in: ${printed}`);
    return Number(found);
  };
  const figures = { tree: of("tree"), file: of("file") };
  all.push(figures);
  return figures.tree + figures.file;
}

async function makeTree(path: string, count: number): Promise<void> {
  for (let folder = 0; folder < FOLDERS; folder++) {
    const place = join(path, `folder${folder}`);
    await Deno.mkdir(place, { recursive: true });
    for (let n = 0; n < count / FOLDERS; n++) {
      await Deno.writeFile(join(place, `file${n}`), new Uint8Array(1024).fill(n));
    }
  }
}

async function makeFile(path: string, bytes: number): Promise<void> {
  using file = await Deno.create(path);
  const piece = crypto.getRandomValues(new Uint8Array(65_536));
  for (let at = 0; at < bytes; at += piece.length) await file.write(piece);
}
