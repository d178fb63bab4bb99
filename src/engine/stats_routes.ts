import type { StatsSample, Top } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { type Containers, StatsSampler } from "../container/mod.ts";
import { type Call, type Route, route } from "./router.ts";

const EVERY_MS = 1000;
/** Between the two samples that a single one takes, for the rates. */
const APART_MS = 500;

/** `/stats` and `/containers/:ref/top`. */
export function statsRoutes(containers: Containers): Route[] {
  return [
    route("GET /stats", (call) => sendStats(call, containers)),
    route("GET /containers/:ref/top", async (call) => {
      call.json(await top(containers, call.ref));
    }),
  ];
}

/** One sample, or, with `stream=1`, one each second until the client goes: of all, or of each `ref`. */
async function sendStats(call: Call, containers: Containers): Promise<void> {
  const wanted = call.query.getAll("ref").map((ref) => containers.get(ref).record.config.id);
  const chosen = () => {
    const all = containers.active();
    return wanted.length === 0
      ? all
      : all.filter(({ record }) => wanted.includes(record.config.id));
  };
  const sampler = new StatsSampler();
  const { gone } = call;
  await sampler.sample(chosen());
  await pause(APART_MS, gone);
  if (!call.flag("stream")) {
    call.json({ containers: await sampler.sample(chosen()) } satisfies StatsSample);
    return;
  }
  call.response.writeHead(200, { "content-type": "application/x-ndjson" });
  for (let next = performance.now(); !gone.aborted;) {
    const sample: StatsSample = { containers: await sampler.sample(chosen()) };
    await call.write(`${JSON.stringify(sample)}\n`);
    next = Math.max(next + EVERY_MS, performance.now());
    await pause(next - performance.now(), gone);
  }
}

function pause(ms: number, gone: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  gone.addEventListener("abort", () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}

async function top(containers: Containers, ref: string): Promise<Top> {
  const container = containers.get(ref);
  const vm = await container.runningVm();
  if (!vm) {
    throw new CtrError(
      "invalid-state",
      `cannot list the processes of container "${container.record.config.name}": it is not running`,
    );
  }
  const processes = await vm.guest.top(container.record.config.id);
  return {
    memoryInBytes: container.record.config.memoryBytes,
    processes: processes.map(({ cpuUs, startedMs, ...each }) => ({
      ...each,
      cpuUsageUsec: cpuUs,
      startedAt: new Date(startedMs).toISOString(),
    })),
  };
}
