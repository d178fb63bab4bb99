/**
 * A million log lines of one container: all kept, in order, and the last ten told at once.
 *
 * @module
 */
import { BUSYBOX } from "../../tests/run/ctr_home.ts";
import { BenchHome } from "../cli/bench_home.ts";
import { median, ms, printTable, repeat, timed } from "../table.ts";

const LINES = 1_000_000;
const TAIL_MS = 150;

/** @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const lines = args.includes("--quick") ? LINES / 10 : LINES;
  await using home = await BenchHome.open();
  // As many bytes as the lines have must fit, or the oldest would be rotated away.
  await Deno.writeTextFile(`${home.path}/config.toml`, '[log]\nsegment_size = "64m"\n');
  await home.ctr("pull", "--progress", "none", BUSYBOX);
  const began = performance.now();
  await home.ctr("run", "-d", "--name", "talker", BUSYBOX, "seq", String(lines));
  await home.ctr("wait", "talker");
  const tookMs = performance.now() - began;
  const kept = countInOrder(await home.ctr("logs", "talker"));
  const tail = () => home.ctr("logs", "--tail", "10", "talker");
  const last = await tail();
  const expected = Array.from({ length: 10 }, (_, index) => lines - 9 + index).join("\n");
  if (last !== expected) throw new Error(`logs --tail 10 printed ${JSON.stringify(last)}`);
  const tailMs = median(await repeat(timed(tail), { rounds: 9, warmups: 1 }));
  await home.ctr("rm", "talker");
  return printTable([{
    what: `${lines} lines of one container, start to end`,
    ours: ms(tookMs),
  }, {
    what: "lines on the disk, in order",
    ours: String(kept),
    limit: String(lines),
    kept: kept === lines,
  }, {
    what: "ctr logs --tail 10",
    ours: ms(tailMs),
    limit: ms(TAIL_MS),
    kept: tailMs <= TAIL_MS,
  }]);
}

/** How many of the lines are what `seq` prints at that place, from the first on. */
function countInOrder(text: string): number {
  const lines = text.split("\n");
  const wrong = lines.findIndex((line, index) => line !== String(index + 1));
  return wrong < 0 ? lines.length : wrong;
}
