import { type ContainerStats, StatsSample } from "../api/mod.ts";
import { formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { printList } from "./list.ts";
import { LiveLines } from "./live_lines.ts";
import { parseAnswer } from "./parse_answer.ts";
import { table } from "./table.ts";
import { terminalSize } from "./terminal.ts";

interface StatsFlags {
  readonly stream: boolean;
  readonly trunc: boolean;
  readonly format: string;
}

const HEADER = [
  "ID",
  "NAME",
  "CPU %",
  "MEMORY / LIMIT",
  "CACHE",
  "HOST MEMORY",
  "NET RX / TX",
  "BLOCK R / W",
  "PIDS",
];

/** Prints what containers use: once, or on a terminal over and over. */
export async function stats(
  app: App,
  containers: readonly string[],
  flags: StatsFlags,
): Promise<void> {
  const query = new URLSearchParams(containers.map((ref) => ["ref", ref]));
  const row = rowOf(flags.trunc);
  if (flags.stream && flags.format === "table" && app.stdout.isTerminal) {
    query.set("stream", "1");
    await follow(app, `/stats?${query}`, row);
    return;
  }
  const engine = await app.engine();
  const sample = parseAnswer(StatsSample, await engine.get(`/stats?${query}`));
  await printList(app, sample.containers, {
    format: flags.format,
    header: HEADER,
    row,
    id: (each) => each.id,
    fields: (each) => fieldsOf(each, flags.trunc),
  });
}

async function follow(
  app: App,
  path: string,
  row: (stats: ContainerStats) => string[],
): Promise<void> {
  const engine = await app.engine();
  const { body, connection } = await engine.stream({ method: "GET", path });
  const lines = new LiveLines(app.stdout, terminalSize);
  const decoder = new TextDecoder();
  let pending = "";
  try {
    for await (const chunk of body) {
      const whole = (pending + decoder.decode(chunk, { stream: true })).split("\n");
      pending = whole.pop()!;
      const last = whole.at(-1);
      if (!last) continue;
      const { containers } = parseAnswer(StatsSample, JSON.parse(last));
      lines.draw(table([HEADER, ...containers.map(row)]).trimEnd().split("\n"));
    }
  } finally {
    connection.close();
  }
}

function rowOf(trunc: boolean): (stats: ContainerStats) => string[] {
  return (each) => [
    trunc ? each.id.slice(0, 12) : each.id,
    each.name,
    `${each.cpuPercent.toFixed(2)}%`,
    `${formatSize(each.memoryWorkingSetBytes)} / ${formatSize(each.memoryLimitBytes)}`,
    formatSize(each.guestCacheBytes),
    formatSize(each.hostFootprintBytes),
    `${formatSize(each.networkRxBytes)} / ${formatSize(each.networkTxBytes)}`,
    `${formatSize(each.blockReadBytes)} / ${formatSize(each.blockWriteBytes)}`,
    String(each.numProcesses),
  ];
}

/** Docker's names. */
function fieldsOf(each: ContainerStats, trunc: boolean): Record<string, unknown> {
  const [ID, Name, CPUPerc, MemUsage, , , NetIO, BlockIO, PIDs] = rowOf(trunc)(each);
  const share = each.memoryLimitBytes > 0 ? each.memoryWorkingSetBytes / each.memoryLimitBytes : 0;
  const MemPerc = `${(100 * share).toFixed(2)}%`;
  return { Container: ID, ID, Name, CPUPerc, MemUsage, MemPerc, NetIO, BlockIO, PIDs };
}
