/**
 * What `ctr stats` of ten running containers, one sample a second, costs the engine.
 *
 * @module
 */
import { request } from "node:http";
import { ENGINE_SOCKET } from "../../src/api/mod.ts";
import { BUSYBOX } from "../../tests/run/ctr_home.ts";
import { BenchHome } from "../cli/bench_home.ts";
import { printTable } from "../table.ts";

const CONTAINERS = 10;
const MOST_PERCENT = 3;
const TICKS_PER_SECOND = 100; // USER_HZ
const WARM_MS = 5000;

/** @returns False when the promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const measuredMs = args.includes("--quick") ? 10_000 : 40_000;
  await using home = await BenchHome.open();
  await home.ctr("pull", "--progress", "none", BUSYBOX);
  const count = args.includes("--quick") ? 3 : CONTAINERS;
  for (let index = 0; index < count; index++) {
    await home.ctr("run", "-d", BUSYBOX, "sleep", "100000");
  }
  const pid = await home.enginePid();
  await pause(WARM_MS);
  const idle = await percentOf(pid, measuredMs);
  const samples = follow(`${home.path}/${ENGINE_SOCKET}`, count);
  await pause(WARM_MS);
  const before = samples.seen();
  const sampled = await percentOf(pid, measuredMs);
  const seen = samples.seen() - before;
  samples.stop();
  const all = await home.ctr("ls", "-q");
  await home.ctr("rm", "-f", ...all.split("\n"));
  const enough = seen >= measuredMs / 1000 * 0.8;
  return printTable([
    { what: "engine without anyone asking, of a core", ours: `${idle.toFixed(1)} %` },
    {
      what: `the same while stats of ${count} containers are followed (${seen} samples)`,
      ours: `${sampled.toFixed(1)} %`,
      limit: `${MOST_PERCENT} %`,
      kept: sampled <= MOST_PERCENT && enough,
    },
  ]);
}

/** Reads `GET /stats?stream=1`, each sample of which must tell of all containers. */
function follow(socketPath: string, count: number) {
  let seen = 0;
  const asked = request({ socketPath, path: "/v1/stats?stream=1" }, (answer) => {
    let pending = "";
    answer.setEncoding("utf8").on("data", (text: string) => {
      const lines = (pending + text).split("\n");
      pending = lines.pop()!;
      for (const line of lines) if (JSON.parse(line).containers.length === count) seen++;
    }).on("error", () => {});
  });
  asked.on("error", () => {}).end();
  return { seen: () => seen, stop: () => asked.destroy() };
}

async function percentOf(pid: number, forMs: number): Promise<number> {
  const before = await ticks(pid);
  const began = performance.now();
  await pause(forMs);
  const seconds = (performance.now() - began) / 1000;
  return 100 * (await ticks(pid) - before) / TICKS_PER_SECOND / seconds;
}

/** Time in user and kernel mode: fields 14 and 15 of proc_pid_stat(5). */
async function ticks(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
