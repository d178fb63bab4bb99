/**
 * Layers to disks, beside what others take for the same bytes. The machine is never quiet, so contenders
 * take turns and the promise is a ratio of medians.
 *
 * `deno run -A bench/main.ts unpack [--quick] [--runs=N] [--no-linear]`
 */
import { join } from "node:path";
import { cacheFolder, layer, tar2ext4, tinyFiles } from "./layers.ts";

interface Contender {
  readonly name: string;
  /** Seconds. */
  measure(): Promise<number>;
}

/** Our median may be at most so many times the peer's. */
interface Promised {
  readonly peer: string;
  readonly most: number;
}

const MEMORY_BYTES = 200 * 2 ** 20;

/** @returns True if every promise was kept. */
export async function run(args: readonly string[]): Promise<boolean> {
  const quick = args.includes("--quick");
  const asked = args.find((arg) => arg.startsWith("--runs="))?.slice("--runs=".length);
  const runs = Number(asked) || (quick ? 3 : 5);
  const scale = quick ? 0.1 : 1;
  await Deno.mkdir(cacheFolder(), { recursive: true });
  const out = await Deno.makeTempDir({ dir: cacheFolder(), prefix: "unpack-" });
  let kept = true;
  try {
    const peer = await tar2ext4();
    kept = await compare("distro", scale, runs, out, peer, [
      { peer: "gzip -dc", most: 0.8 },
      { peer: "gzip -dc | tar2ext4", most: 0.5 },
    ]) && kept;
    kept = await compare("many", scale, quick ? runs : Math.min(runs, 3), out, peer, [
      { peer: "gzip -dc", most: 1 },
      { peer: "tar -xzf", most: 0.25 },
    ]) && kept;
    if (!args.includes("--no-linear")) kept = await linear(quick, out) && kept;
  } finally {
    await Deno.remove(out, { recursive: true });
  }
  return kept;
}

async function compare(
  kind: string,
  scale: number,
  runs: number,
  out: string,
  peer: string | undefined,
  promises: readonly Promised[],
): Promise<boolean> {
  const path = await layer(kind, scale);
  const gz = `${path}.tar.gz`;
  const info = JSON.parse(await Deno.readTextFile(`${path}.json`));
  console.log(
    `\n${kind}: ${info.entries} entries, ${megabytes(info.tar_bytes)} of tar, ${
      megabytes(info.gzip_bytes)
    } of gzip`,
  );
  await Deno.readFile(gz); // into the page cache
  let peakBytes = 0;
  const contenders: Contender[] = [
    { name: "gzip -dc", measure: () => shell(`gzip -dc '${gz}' >/dev/null`) },
    {
      name: "ctr",
      measure: async () => {
        const result = await unpackAlone(gz, join(out, "ctr.ext4"));
        peakBytes = Math.max(peakBytes, result.peakBytes);
        return result.seconds;
      },
    },
  ];
  if (peer) {
    contenders.push({
      name: "gzip -dc | tar2ext4",
      measure: () => shell(`gzip -dc '${gz}' | '${peer}' '${out}/peer.ext4'`),
    });
  }
  contenders.push({
    name: "tar -xzf",
    measure: async () => {
      await Deno.mkdir(join(out, "tree"));
      const seconds = await shell(`tar -xzf '${gz}' -C '${out}/tree'`);
      await Deno.remove(join(out, "tree"), { recursive: true });
      return seconds;
    },
  });
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let i = 0; i < runs; i++) {
    for (const { name, measure } of contenders) {
      // Extracting takes ten times as long as all others together, and its promise has room.
      if (name === "tar -xzf" && i > 0) continue;
      times.get(name)!.push(await measure());
    }
  }
  const ours = median(times.get("ctr")!);
  let kept = true;
  console.log(
    `${"".padEnd(22)}${"median s".padStart(10)}${"min".padStart(8)}${"max".padStart(8)}${
      "ctr is".padStart(10)
    }  promised`,
  );
  for (const [name, all] of times) {
    const promised = promises.find((promise) => promise.peer === name);
    const ratio = ours / median(all);
    const ok = promised === undefined || ratio <= promised.most;
    kept &&= ok;
    const verdict = promised ? `≤ ${promised.most}  ${ok ? "kept" : "BROKEN"}` : "";
    console.log(
      name.padEnd(22) + median(all).toFixed(2).padStart(10) +
        Math.min(...all).toFixed(2).padStart(8) +
        Math.max(...all).toFixed(2).padStart(8) + `${ratio.toFixed(2)} ×`.padStart(10) +
        `  ${verdict}`,
    );
  }
  const memoryKept = peakBytes <= MEMORY_BYTES;
  console.log(
    `peak memory ${megabytes(peakBytes)}, promised ≤ ${megabytes(MEMORY_BYTES)}  ${
      memoryKept ? "kept" : "BROKEN"
    }`,
  );
  return kept && memoryKept;
}

/** Twice the entries may take little more than twice the time. */
async function linear(quick: boolean, out: string): Promise<boolean> {
  console.log(
    `\ntiny files, plain tar\n${"entries".padStart(10)}${"seconds".padStart(10)}${
      "µs/entry".padStart(10)
    }${"memory".padStart(10)}`,
  );
  const perEntry: number[] = [];
  for (
    const count of quick
      ? [12_500, 25_000, 50_000, 100_000]
      : [125_000, 250_000, 500_000, 1_000_000]
  ) {
    const tar = tinyFiles(count);
    try {
      const { seconds, peakBytes } = await unpackAlone(tar, join(out, "tiny.ext4"));
      perEntry.push(seconds / count * 1e6);
      console.log(
        String(count).padStart(10) + seconds.toFixed(2).padStart(10) +
          perEntry.at(-1)!.toFixed(1).padStart(10) +
          megabytes(peakBytes).padStart(10),
      );
    } finally {
      await Deno.remove(tar);
      await Deno.remove(join(out, "tiny.ext4")).catch(() => {});
    }
  }
  const growth = perEntry.at(-1)! / perEntry[0]!;
  const kept = growth <= 1.5;
  console.log(
    `an entry of the largest takes ${growth.toFixed(2)} × that of the smallest, promised ≤ 1.5  ${
      kept ? "kept" : "BROKEN"
    }`,
  );
  return kept;
}

/** Digests, flush and rename included; the start of the process is not, that of its workers is. */
async function unpackAlone(
  source: string,
  target: string,
): Promise<{ seconds: number; peakBytes: number }> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", join(import.meta.dirname!, "child.ts"), source, target],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`unpacking ${source} failed`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function shell(command: string): Promise<number> {
  const started = performance.now();
  const { success } = await new Deno.Command("bash", {
    args: ["-o", "pipefail", "-c", command],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${command} failed`);
  return (performance.now() - started) / 1000;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

if (import.meta.main) Deno.exit(await run(Deno.args) ? 0 : 1);
