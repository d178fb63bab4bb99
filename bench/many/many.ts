/**
 * What many containers cost those who ask: lists, one container, completion with 200 of them made;
 * and how soon a new engine has found 20 that run, after a `kill -9` of the old one.
 *
 * @module
 */
import { daemonGone, processStart } from "../../src/host/mod.ts";
import { BUSYBOX } from "../../tests/run/ctr_home.ts";
import { BenchHome } from "../cli/bench_home.ts";
import { median, ms, printTable, repeat, type Row, timed } from "../table.ts";

const MADE = 200;
const LIST_MS = 200;
const INSPECT_MS = 120;
const COMPLETION_MS = 100;
const RUNNING = 20;
const ADOPTION_MS = 2000;

/** @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const quick = args.includes("--quick");
  await using home = await BenchHome.open();
  await home.ctr("pull", "--progress", "none", BUSYBOX);
  const rows = [
    ...await adoptionRows(home, quick ? 4 : RUNNING),
    ...await listRows(home, quick ? 5 : 15),
  ];
  return printTable(rows);
}

async function listRows(home: BenchHome, rounds: number): Promise<Row[]> {
  for (let count = 0; count < MADE; count++) {
    await home.ctr("create", "--name", `made${count}`, BUSYBOX, "true");
  }
  const asked = [
    { words: ["ls", "-a"], limit: LIST_MS, what: `ctr ls -a with ${MADE} containers` },
    { words: ["inspect", "made7"], limit: INSPECT_MS, what: "ctr inspect of one of them" },
    { words: ["__complete", "rm", "made1"], limit: COMPLETION_MS, what: "completion of a name" },
  ];
  const rows: Row[] = [];
  for (const { words, limit, what } of asked) {
    const figure = median(await repeat(timed(() => home.ctr(...words)), { rounds, warmups: 2 }));
    rows.push({ what, ours: ms(figure), limit: ms(limit), kept: figure <= limit });
  }
  return rows;
}

/** From the kill to an answer of `ctr ls` that shows them all running. */
async function adoptionRows(home: BenchHome, count: number): Promise<Row[]> {
  for (let index = 0; index < count; index++) {
    await home.ctr("run", "-d", "--name", `running${index}`, BUSYBOX, "sleep", "100000");
  }
  const figures = await repeat(async () => {
    const pid = await home.enginePid();
    const start = await processStart(pid);
    Deno.kill(pid, "SIGKILL");
    if (start !== undefined) await daemonGone({ pid, start }, 5000);
    const began = performance.now();
    const running = JSON.parse(await home.ctr("ls", "--format", "json")) as unknown[];
    const took = performance.now() - began;
    if (running.length !== count) throw new Error(`${running.length} of ${count} were found`);
    return took;
  }, { rounds: 3, warmups: 0 });
  await home.ctr("rm", "-f", "--all");
  const figure = median(figures);
  return [{
    what: `kill -9 of the engine → ctr ls shows ${count} running containers`,
    ours: ms(figure),
    limit: ms(ADOPTION_MS),
    kept: figure <= ADOPTION_MS,
  }];
}
