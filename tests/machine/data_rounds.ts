import { assertEquals } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome, ctrHome } from "../run/ctr_home.ts";
import { createFor, ok, QUIET } from "./machine_home.ts";

/** How a round ends what runs. */
const ENDINGS = ["stop", "monitor", "engine", "both"] as const;
const MOST_WRITES = 30;
/** A number is told only when the disk has it: `dd` has called `fsync`. */
const LOOP = `n=$(tail -n 1 /log 2>/dev/null || echo 0)
while :; do
  n=$((n + 1))
  echo $n | dd of=/log conv=fsync,notrunc oflag=append 2>/dev/null && echo $n || exit 1
  mkdir -p /d/$((n % 5)) && echo $n > /d/$((n % 5))/f$((n % 50))
done`;

export interface DataRoundsOptions {
  readonly rounds: number;
  readonly log: (line: string) => void;
}

/**
 * Each round writes numbers to a machine's disk, each flushed before it is told, ends the machine in one of several
 * ways in the middle, starts it again and looks for what was told. After some rounds, and in the end, `e2fsck` judges
 * the disk, its journal replayed.
 *
 * @returns Writes that were acknowledged. @throws {Error} With what was lost.
 */
export async function dataRounds({ rounds, log }: DataRoundsOptions): Promise<number> {
  await using home = await ctrHome();
  await ok(home, "image", "pull", ...QUIET, BUSYBOX);
  const user = { name: "root", uid: 0, gid: 0, home: "/root", shell: "sh" };
  await createFor(home, { name: "data", image: BUSYBOX, user, homeMount: "none" });
  let told = 0;
  for (let round = 0; round < rounds; round++) {
    const ending = ENDINGS[round % ENDINGS.length]!;
    const before = told;
    told = await writeAndEnd(home, told, ending);
    const kept = Number(await ok(home, "machine", "run", "--", "tail", "-n", "1", "/log"));
    if (kept < told) throw new Error(`round ${round}: ${told} was told, ${kept} is the last there`);
    told = kept;
    if (round % 10 === 3 || round === rounds - 1) await judge(home);
    log(`round ${round + 1}: ended by ${ending} after ${told - before} writes`);
  }
  await ok(home, "machine", "stop");
  await home.ctr(["machine", "rm", "data"]);
  return told;
}

/** @returns The last number that was told. */
async function writeAndEnd(
  home: CtrHome,
  before: number,
  ending: typeof ENDINGS[number],
): Promise<number> {
  const writer = await home.spawn(["machine", "run", "--", "sh", "-c", LOOP]);
  const target = before + 1 + Math.floor(Math.random() * MOST_WRITES);
  let last = before;
  const late = setTimeout(() => writer.kill("SIGKILL"), 60_000);
  let rest = "";
  for await (const text of writer.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    last = Math.max(last, ...lines.map(Number));
    if (last >= target) break;
  }
  clearTimeout(late);
  if (last < target) throw new Error(`the writer ended before write ${target}`);
  if (ending === "stop") await ok(home, "machine", "stop", "-t", "1");
  const monitors = await home.monitors();
  if (ending === "engine" || ending === "both") Deno.kill(await home.enginePid(), "SIGKILL");
  if (ending === "monitor" || ending === "both") {
    for (const pid of monitors) Deno.kill(pid, "SIGKILL");
  }
  try {
    writer.kill("SIGKILL");
  } catch { /* it has ended */ }
  await writer.stderr.cancel();
  await writer.status;
  // Where only the engine or the client has gone, the writer goes on: it is ended with the machine.
  if (ending === "engine") await ok(home, "machine", "stop", "-t", "1");
  return last;
}

/** What the disk is after a stop. */
async function judge(home: CtrHome): Promise<void> {
  await ok(home, "machine", "stop");
  const [machine] = JSON.parse(await ok(home, "machine", "inspect"));
  const disk = `${home.path}/containers/${machine.containerId}/upper.ext4`;
  const { code, stdout } = await new Deno.Command("/usr/sbin/e2fsck", { args: ["-fn", disk] })
    .output();
  assertEquals(code, 0, new TextDecoder().decode(stdout));
}
