/**
 * The part of the bench that has a network namespace of its own, where root makes bridges and ports are nobody
 * else's. Started by `net.ts`; prints its rows as one line of JSON.
 *
 * @module
 */
import { join } from "node:path";
import { inTurn, median, ratio, type Row } from "../table.ts";
import { HandGuest } from "./guest.ts";
import { buildLoad, type Figures, loadHere } from "./load.ts";
import { HOST_PORT, hostfwd, netd, type OwnWay, passt, tap, type Way } from "./ways.ts";

const THROUGHPUT = 0.8;
const LATENCY = 1.25;
const BETWEEN = 0.7;
const CONNECTIONS = 1000;
const MEMORY = 120 * 1048576;
const OPENED = 10_000;
const DATAGRAMS = 50_000;
const PER_SECOND = 5000;
const LOST = 0.001;

/** All that is measured on. */
interface Bench {
  readonly program: string;
  readonly own: OwnWay;
  readonly ways: readonly Way[];
  readonly a: HandGuest;
  readonly b: HandGuest;
  readonly quick: boolean;
}

async function main(args: string[]): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: "/tmp", prefix: "ctr-bench-" });
  try {
    console.log(JSON.stringify(await measure(folder, args)));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function measure(folder: string, args: string[]): Promise<Row[]> {
  const program = await buildLoad(folder);
  const layer = await layerOf(program, folder);
  const bridged = await tap();
  await using own = await netd(folder);
  await using passed = await passt(folder);
  const ways = [own, hostfwd(), passed, bridged];
  using _host = serve(program);
  const start = (name: "a" | "b") =>
    HandGuest.start({
      name,
      layer,
      folder,
      nics: ways.flatMap((way) => way.nic(name) ?? []),
    });
  await using a = await start("a");
  await using b = await start("b");
  const bench = { program, own, ways, a, b, quick: args.includes("--quick") };
  const rows: Row[] = [];
  for (const part of [throughputs, latencies, many, datagrams]) rows.push(...await part(bench));
  return rows;
}

/** What a measurement takes at one way; undefined where the way does not lead there. */
type Measure = (way: Way) => Promise<Figures> | undefined;

async function throughputs(bench: Bench): Promise<Row[]> {
  const { program, a, b, quick } = bench;
  const seconds = quick ? "1" : "2";
  const here = (what: string, at?: string) => at ? loadHere(program, what, at, seconds) : undefined;
  const from = (guest: HandGuest, what: string, at?: string) =>
    at ? guest.load(what, at, seconds) : undefined;
  const outside = { least: THROUGHPUT, peers: ["hostfwd", "passt"] };
  const between = { least: BETWEEN, peers: ["tap"] };
  const rows: Row[] = [];
  for (
    const { what, measure, least, peers } of [
      { what: "host → published port", measure: (way) => here("send", way.published), ...outside },
      {
        what: "host ← published port",
        measure: (way) => here("receive", way.published),
        ...outside,
      },
      { what: "guest → host", measure: (way) => from(a, "send", way.host), ...outside },
      { what: "guest ← host", measure: (way) => from(a, "receive", way.host), ...outside },
      { what: "guest → guest", measure: (way) => from(b, "send", way.peer), ...between },
    ] as { what: string; measure: Measure; least: number; peers: string[] }[]
  ) {
    const speeds = await compare(bench, peers, measure, "bytesPerSecond");
    const { peer, ours, theirs, share } = beside(speeds, (x, y) => y - x);
    rows.push({
      what: `${what}, TCP, beside ${peer}`,
      ours: speed(ours),
      peer: speed(theirs),
      ratio: ratio(share, 1),
      limit: `≥ ${least}×`,
      kept: share >= least,
    });
    note(what, speeds, speed);
  }
  return rows;
}

async function latencies(bench: Bench): Promise<Row[]> {
  const { program, a } = bench;
  const times = bench.quick ? "300" : "1500";
  const parts: [what: string, measure: Measure][] = [
    [
      "host → published port",
      ({ published: at }) => at ? loadHere(program, "latency", at, times) : undefined,
    ],
    ["guest → host", ({ host: at }) => at ? a.load("latency", at, times) : undefined],
  ];
  const rows: Row[] = [];
  for (const [what, measure] of parts) {
    const took = await compare(bench, ["hostfwd", "passt"], measure, "medianUs");
    const { peer, ours, theirs, share } = beside(took, (x, y) => x - y);
    rows.push({
      what: `a byte there and back, ${what}, beside ${peer}`,
      ours: us(ours),
      peer: us(theirs),
      ratio: ratio(share, 1),
      limit: `${LATENCY}×`,
      kept: share <= LATENCY,
    });
    note(what, took, us);
  }
  return rows;
}

/** Each way's figures, taken in turn. */
async function compare(
  { ways, quick }: Bench,
  peers: readonly string[],
  measure: Measure,
  figure: string,
): Promise<Map<string, number[]>> {
  const sides = ways.filter(({ name }) => name === "ctr" || peers.includes(name));
  const figures = await inTurn(
    sides.map((way) => async () => (await measure(way))![figure]!),
    quick ? { rounds: 1, warmups: 0 } : { rounds: 4, warmups: 1 },
  );
  return new Map(sides.map(({ name }, at) => [name, figures[at]!]));
}

/**
 * `ctr` beside the best of its peers. The share is the median of the rounds' own: the host drifts within a run, and the
 * sides of a round lie next to each other.
 */
function beside(
  figures: ReadonlyMap<string, readonly number[]>,
  order: (x: number, y: number) => number,
): { peer: string; ours: number; theirs: number; share: number } {
  const [peer, best] = [...figures].filter(([name]) => name !== "ctr")
    .toSorted((x, y) => order(median(x[1]), median(y[1])))[0]!;
  const own = figures.get("ctr")!;
  const share = median(own.map((figure, round) => figure / best[round]!));
  return { peer, ours: median(own), theirs: median(best), share };
}

async function many(bench: Bench): Promise<Row[]> {
  const { program, own, quick } = bench;
  const connections = quick ? 200 : CONNECTIONS;
  const opened = quick ? 1000 : OPENED;
  const held = await loadHere(program, "hold", own.published!, String(connections));
  const memory = await statusBytes(own.pid, "VmHWM");
  const before = await settledDescriptors(own.pid);
  const churned = await loadHere(program, "churn", own.published!, String(opened), "32");
  const left = await settledDescriptors(own.pid) - before;
  return [{
    what: `${connections} connections to a published port at once, failed`,
    ours: String(held.failed),
    limit: "0",
    kept: held.failed === 0,
  }, {
    what: "  netd at most, resident",
    ours: mebibytes(memory),
    limit: mebibytes(MEMORY),
    kept: memory <= MEMORY,
  }, {
    what: `${opened} opened and closed, failed`,
    ours: String(churned.failed),
    limit: "0",
    kept: churned.failed === 0,
  }, {
    what: "  descriptors of netd that are left",
    ours: String(left),
    limit: "0",
    kept: left <= 0,
  }];
}

async function datagrams(bench: Bench): Promise<Row[]> {
  const { program, own, quick } = bench;
  const count = quick ? 5000 : DATAGRAMS;
  const [to, counter] = [own.publishedUdp, own.published!];
  const words = ["datagrams", to, counter, String(count), String(PER_SECOND)];
  const { lost } = await loadHere(program, ...words);
  return [{
    what: `${count} datagrams to a published port, ${PER_SECOND} a second, lost`,
    ours: `${(100 * lost! / count).toFixed(3)} %`,
    limit: `${100 * LOST} %`,
    kept: lost! <= LOST * count,
  }];
}

/** Connections end a moment after their last byte. */
async function settledDescriptors(pid: number): Promise<number> {
  for (let last = -1, same = 0;;) {
    const now = (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length;
    same = now === last ? same + 1 : 0;
    if (same === 10) return now;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function statusBytes(pid: number, name: string): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)![1]) * 1024;
}

function serve(program: string): Disposable {
  const child = new Deno.Command(program, {
    args: ["serve", `127.0.0.1:${HOST_PORT}`],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  return { [Symbol.dispose]: () => child.kill("SIGKILL") };
}

async function layerOf(program: string, folder: string): Promise<string> {
  const root = join(folder, "root");
  await Deno.mkdir(root);
  await Deno.copyFile(program, join(root, "load"));
  await Deno.chmod(join(root, "load"), 0o755);
  const layer = join(folder, "layer.ext4");
  const { success, stderr } = await new Deno.Command("/sbin/mke2fs", {
    args: ["-q", "-t", "ext4", "-O", "^has_journal", "-d", root, layer, "16M"],
  }).output();
  if (!success) throw new Error(`mke2fs: ${new TextDecoder().decode(stderr)}`);
  return layer;
}

/** What the table leaves out: every way, the slower peers too. */
function note(
  what: string,
  figures: ReadonlyMap<string, readonly number[]>,
  unit: (n: number) => string,
): void {
  const all = [...figures].map(([name, each]) => `${name} ${unit(median(each))}`);
  console.error(`${what}: ${all.join(", ")}`);
}

function speed(bytesPerSecond: number): string {
  return `${(bytesPerSecond / 1048576).toFixed(0)} MiB/s`;
}

function us(microseconds: number): string {
  return `${microseconds.toFixed(0)} µs`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1048576).toFixed(0)} MiB`;
}

await main(Deno.args);
