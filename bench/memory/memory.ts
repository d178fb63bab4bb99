/**
 * What idle containers and their engine cost the host: memory beside a guest of the same kernel and
 * devices whose init is next to nothing, disk, and how soon the engine is gone.
 *
 * @module
 */
import { join } from "node:path";
import { daemonGone, footprintBytes, processStart } from "../../src/host/mod.ts";
import { BUSYBOX } from "../../tests/run/ctr_home.ts";
import { BenchHome } from "../cli/bench_home.ts";
import { Guests, untilHello, untilLine } from "../start/vms.ts";
import { inTurn, median, mib, ms, printTable, ratio, type Row } from "../table.ts";

const GUEST_LIMIT = 1.2;
const ENGINE_LIMIT = 100 * 1048576;
const DISK_LIMIT = 4 * 1048576;
const MANY = 10;
/** What the engine waits when nothing is configured. */
const IDLE_MS = 30_000;
const QUICK_IDLE_MS = 3000;
/** From the end of its waiting to the end of its process. */
const ENDING_MS = 2000;
/** Free pages are reported to the host two seconds after they were freed. */
const SETTLE_MS = 5000;

/** @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const quick = args.includes("--quick");
  const idleMs = quick ? QUICK_IDLE_MS : IDLE_MS;
  await using home = await BenchHome.open(
    quick ? { CTR_IDLE_TIMEOUT: `${QUICK_IDLE_MS / 1000}s` } : {},
  );
  await home.ctr("pull", "--progress", "none", BUSYBOX);
  await using guests = await Guests.open();
  const rows = [
    ...await guestRows(home, guests, quick ? 1 : 3),
    ...await engineRows(home, idleMs),
  ];
  console.log(`accelerator: ${guests.accelerator}`);
  return printTable(rows);
}

async function guestRows(home: BenchHome, guests: Guests, rounds: number): Promise<Row[]> {
  const [guest, bare, container] = (await inTurn([
    () => guests.measure(guests.bootDisk, settled(untilHello)),
    () => guests.measure(guests.reference, settled(untilLine)),
    () => containerFootprint(home),
  ], { rounds, warmups: 0 })).map(median) as [number, number, number];
  return [
    { what: "idle guest, host memory, beside a bare guest", bytes: guest },
    { what: "idle ctr run (sleep), host memory, beside a bare guest", bytes: container },
  ].map(({ what, bytes }) => ({
    what,
    ours: mib(bytes),
    peer: mib(bare),
    ratio: ratio(bytes, bare),
    limit: `${GUEST_LIMIT}×`,
    kept: bytes <= GUEST_LIMIT * bare,
  }));
}

function settled(ready: typeof untilLine): typeof untilLine {
  return async (vm, folder) => {
    await ready(vm, folder);
    await pause(SETTLE_MS);
    return await vm.footprintBytes();
  };
}

/** Of its monitor's process. One container lives at a time, as one bare guest does: they share nothing. */
async function containerFootprint(home: BenchHome): Promise<number> {
  const id = await home.ctr("run", "-d", "--rm", BUSYBOX, "sleep", "100000");
  await pause(SETTLE_MS);
  const record = join(home.path, "containers", id, "vm/qemu.pid");
  const bytes = await footprintBytes(Number.parseInt(await Deno.readTextFile(record)));
  await home.ctr("stop", "-t", "0", id);
  if (bytes === undefined) throw new Error(`the VM of container ${id} has ended`);
  return bytes;
}

/** Of an engine that has done nothing else than to start the containers. */
async function engineRows(home: BenchHome, idleMs: number): Promise<Row[]> {
  await home.ctr("system", "stop");
  const ids: string[] = [];
  for (let count = 0; count < MANY; count++) {
    ids.push(await home.ctr("run", "-d", "--rm", BUSYBOX, "sleep", "100000"));
  }
  await pause(SETTLE_MS);
  const pid = await home.enginePid();
  const memory = await engineMemory(pid);
  const disk = await allocatedBytes(join(home.path, "containers"));
  const start = await processStart(pid);
  await home.ctr("stop", "-t", "0", ...ids);
  const began = performance.now();
  if (start !== undefined) await daemonGone({ pid, start }, idleMs + 10 * ENDING_MS);
  const goneMs = performance.now() - began;
  return [{
    what: `engine that has started ${MANY} containers, resident`,
    ours: mib(memory.resident),
    limit: mib(ENGINE_LIMIT),
    kept: memory.resident <= ENGINE_LIMIT,
  }, {
    what: "  of this its own, not a file's",
    ours: mib(memory.anonymous),
  }, {
    what: `${MANY} running containers of one image, disk`,
    ours: `${(disk / 1048576).toFixed(1)} MiB`,
    limit: mib(MANY * DISK_LIMIT),
    kept: disk <= MANY * DISK_LIMIT,
  }, {
    what: `last container ended → engine gone (idle timeout: ${idleMs / 1000}s${
      idleMs === IDLE_MS ? ", the default" : ", set"
    })`,
    ours: ms(goneMs),
    limit: ms(idleMs + ENDING_MS),
    kept: goneMs <= idleMs + ENDING_MS,
  }];
}

async function engineMemory(pid: number): Promise<{ resident: number; anonymous: number }> {
  const rollup = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(rollup)![1]) * 1024;
  return { resident: bytes("Rss"), anonymous: bytes("Anonymous") };
}

/** What the folder's files occupy, holes apart. */
async function allocatedBytes(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    bytes += ((await Deno.lstat(path)).blocks ?? 0) * 512;
    if (isDirectory) bytes += await allocatedBytes(path);
  }
  return bytes;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
