/** A machine beside the same image as a container: start, a command in it, and what it costs while nothing happens. */
import { footprintBytes } from "../../src/host/mod.ts";
import { DEBIAN } from "../../tests/run/ctr_home.ts";
import { BenchHome } from "../cli/bench_home.ts";
import {
  alternate,
  inTurn,
  median,
  mib,
  ms,
  printTable,
  ratio,
  type Row,
  timed,
} from "../table.ts";

const START_LIMIT = 1.5;
const MEMORY_LIMIT = 1.3;
const RUN_LIMIT = 1.2;
/** Free pages are reported to the host two seconds after they were freed. */
const SETTLE_MS = 6000;

/** @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const quick = args.includes("--quick");
  await using home = await BenchHome.open();
  await home.ctr("pull", "--progress", "none", DEBIAN);
  await home.ctr(
    "machine",
    "create",
    "--no-boot",
    "--home-mount",
    "none",
    "-m",
    "4g",
    "-n",
    "dev",
    DEBIAN,
  );
  await home.ctr("machine", "run", "true"); // its account is made
  const rows = [
    await start(home, quick ? 3 : 7),
    await command(home, quick ? 5 : 20),
    await memory(home, quick ? 1 : 3),
  ];
  await home.ctr("machine", "rm", "dev");
  return printTable(rows);
}

async function start(home: BenchHome, rounds: number): Promise<Row> {
  const machine = async () => {
    await home.ctr("machine", "stop", "-t", "1");
    return await timed(() => home.ctr("machine", "run", "true"))();
  };
  const container = timed(() => home.ctr("run", "--rm", "-m", "4g", DEBIAN, "true"));
  const [ours, theirs] = (await inTurn([machine, container], { rounds, warmups: 1 }))
    .map(median) as [number, number];
  return row(
    "stopped machine → its first command's end, beside ctr run",
    ours,
    theirs,
    START_LIMIT,
    ms,
  );
}

async function command(home: BenchHome, rounds: number): Promise<Row> {
  await home.ctr("run", "-d", "--name", "box", DEBIAN, "sleep", "100000");
  await home.ctr("machine", "run", "true");
  const { a, b } = await alternate(
    timed(() => home.ctr("machine", "run", "true")),
    timed(() => home.ctr("exec", "box", "true")),
    { rounds, warmups: 3 },
  );
  await home.ctr("rm", "-f", "box");
  return row("ctr machine run true, beside ctr exec", median(a), median(b), RUN_LIMIT, ms);
}

/** A container with an idle shell is the same guest without what makes a machine. */
async function memory(home: BenchHome, rounds: number): Promise<Row> {
  const machine = async () => {
    await home.ctr("machine", "restart", "-t", "1");
    const [{ containerId }] = JSON.parse(await home.ctr("machine", "inspect"));
    return await settledFootprint(home, containerId);
  };
  const container = async () => {
    const id = await home.ctr("run", "-d", "-i", "-m", "4g", "--name", "idle", DEBIAN, "sh");
    const bytes = await settledFootprint(home, id);
    await home.ctr("rm", "-f", "idle");
    return bytes;
  };
  const [ours, theirs] = (await inTurn([machine, container], { rounds, warmups: 0 }))
    .map(median) as [number, number];
  return row(
    "idle machine of 4 GiB, host memory, beside an idle shell",
    ours,
    theirs,
    MEMORY_LIMIT,
    mib,
  );
}

async function settledFootprint(home: BenchHome, id: string): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const [{ status }] = JSON.parse(await home.ctr("inspect", id));
  const bytes = await footprintBytes(status.pid);
  if (bytes === undefined) throw new Error(`the VM of ${id} has ended`);
  return bytes;
}

function row(
  what: string,
  ours: number,
  peer: number,
  limit: number,
  shown: (value: number) => string,
): Row {
  return {
    what,
    ours: shown(ours),
    peer: shown(peer),
    ratio: ratio(ours, peer),
    limit: `${limit}×`,
    kept: ours <= limit * peer,
  };
}
