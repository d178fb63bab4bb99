import { readTar } from "../../src/tar/mod.ts";
import { BUSYBOX, type CtrHome, ctrHome } from "../run/ctr_home.ts";

/** The guest is cut off after so many acknowledged writes of a round, at most. */
const MOST_WRITES = 60;
/** So many writes take a loaded guest under emulation less than this. */
const WRITES_MS = 60_000;
/** A number is told only when the disk has it: `dd` has called `fsync`. */
const LOOP = `n=$(tail -n 1 /data/log 2>/dev/null || true)
while :; do
  n=$((n + 1))
  echo $n | dd of=/data/log conv=fsync,notrunc oflag=append 2>/dev/null && echo $n || exit 1
  [ $((n % 7)) = 0 ] && mkdir -p /data/d$((n % 5)) && echo $n > /data/d$((n % 5))/f$n
done`;

export interface PowerCutOptions {
  readonly rounds: number;
  readonly log: (line: string) => void;
}

/**
 * Each round lets a container write numbers to a block volume, each flushed before it is told, kills QEMU
 * in the middle, and looks whether the volume is clean and has every number that was told.
 *
 * @returns Writes that were acknowledged, all rounds together.
 * @throws {Error} With the round, and what was lost.
 */
export async function powerCuts({ rounds, log }: PowerCutOptions): Promise<number> {
  await using home = await ctrHome();
  await ok(home, "volume", "create", "power", "-s", "1G");
  await ok(home, "image", "pull", "--progress", "none", BUSYBOX);
  await ok(home, "create", "--name", "power", "-v", "power:/data", BUSYBOX, "sh", "-c", LOOP);
  let acknowledged = 0;
  for (let round = 1; round <= rounds; round++) {
    const first = acknowledged;
    acknowledged = await powerCut(home, acknowledged);
    const { recovered } = await check(home);
    const kept = await numbersIn(home);
    if (kept < acknowledged) {
      throw new Error(
        `round ${round}: ${acknowledged} was acknowledged, ${kept} is the last there`,
      );
    }
    log(
      `round ${round}: cut off after ${acknowledged - first} writes, ` +
        `${recovered} transactions from the journal`,
    );
  }
  await ok(home, "rm", "power");
  await ok(home, "volume", "rm", "power");
  return acknowledged;
}

/** @returns The last number that the host was told. */
async function powerCut(home: CtrHome, before: number): Promise<number> {
  await ok(home, "start", "power");
  const [inspected] = JSON.parse(await ok(home, "inspect", "power"));
  const follower = await home.spawn(["logs", "-f", "power"]);
  const target = before + 1 + Math.floor(Math.random() * MOST_WRITES);
  const late = setTimeout(() => follower.kill("SIGKILL"), WRITES_MS);
  let last = before;
  for await (const number of numbers(follower.stdout)) {
    if (number > last) last = number;
    if (last >= target) break;
  }
  clearTimeout(late);
  if (last < target) throw new Error(`the container ended before write ${target}`);
  Deno.kill(inspected.status.pid, "SIGKILL");
  const { status, stdout } = await home.ctr(["wait", "power"]);
  if (status !== 0) throw new Error(`wait ended with ${status}: ${stdout}`);
  await follower.status;
  // What came out of the guest before it ended is acknowledged as well.
  return Math.max(last, Number((await ok(home, "logs", "--tail", "1", "power")).trim()) || 0);
}

async function* numbers(stream: ReadableStream<Uint8Array>): AsyncGenerator<number> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield Number(line);
  }
}

async function check(home: CtrHome): Promise<{ recovered: number }> {
  const { status, stdout, stderr } = await home.ctr([
    "volume",
    "check",
    "--format",
    "json",
    "power",
  ]);
  if (status !== 0) throw new Error(`the volume is damaged: ${stdout}${stderr}`);
  const [found] = JSON.parse(stdout);
  if (!found.e2fsck) throw new Error("e2fsck has not looked: install e2fsprogs");
  return found;
}

/** The last of the numbers in the volume, which has all before it. */
async function numbersIn(home: CtrHome): Promise<number> {
  const archive = `${home.path}/power.tar`;
  await ok(home, "volume", "export", "power", "-o", archive);
  const files = readTar(await Deno.readFile(archive));
  await Deno.remove(archive);
  const log = files.find(({ entry }) => entry.path === "./log");
  const lines = new TextDecoder().decode(log?.content).split("\n").slice(0, -1);
  for (const [at, line] of lines.entries()) {
    if (Number(line) !== at + 1) throw new Error(`line ${at + 1} of the log is "${line}"`);
  }
  return lines.length;
}

async function ok(home: CtrHome, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await home.ctr(args);
  if (status !== 0) throw new Error(`ctr ${args.join(" ")} ended with ${status}: ${stderr}`);
  return stdout;
}
