/** One layer in a process that does nothing else, so that its peak memory is the layer's. */
import { stopUnpackWorkers, unpackLayer } from "../../src/unpack/mod.ts";

const [source, target] = Deno.args;
const started = performance.now();
const layer = await unpackLayer({ source: source!, target: target! });
const seconds = (performance.now() - started) / 1000;
const peak = /VmHWM:\s+(\d+)/.exec(await Deno.readTextFile("/proc/self/status"));
console.log(JSON.stringify({ seconds, peakBytes: Number(peak?.[1] ?? 0) * 1024, ...layer }));
stopUnpackWorkers();
