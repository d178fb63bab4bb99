/**
 * `ctr build` against Debian's `buildah --isolation chroot --layers`, which runs steps on the host's own kernel, and a
 * build of five stages against `ctr exec` of the same commands.
 *
 * @module
 */
import { REGISTRY } from "../../tests/build/support/build_home.ts";
import { Peer } from "../../tests/build/support/peer.ts";
import { BenchHome } from "../cli/bench_home.ts";
import { inTurn, median, ms, printTable, ratio, repeat, type Row, timed } from "../table.ts";
import { cachedContext, ignoredFiles, manyFiles, program, PROGRAM_STEPS } from "./contexts.ts";

const CACHED_MS = 600;
const CACHED_RATIO = 0.5;
const IGNORED_MS = 1000;
const COPY_RATIO = 0.7;
const STAGES_RATIO = 1.3;

/** @param args `--cached`, `--copied`, `--stages`, `--started`: these parts alone. @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  if (Deno.uid() !== 0) {
    console.error("SKIPPED bench build: buildah needs root");
    return true;
  }
  const rounds = args.includes("--quick") ? 1 : 5;
  const scratch = await Deno.makeTempDir({ prefix: "ctr-bench-build-" });
  try {
    await using home = await BenchHome.open();
    const mirror = `[host."docker.io"]\nmirrors = ["http://${REGISTRY}"]\n`;
    await Deno.writeTextFile(`${home.path}/registries.toml`, mirror);
    await using peer = await Peer.open(REGISTRY);
    const sides = { home, peer, scratch, rounds };
    const parts = Object.entries({ cached, copied, stages, started });
    const wanted = parts.filter(([name]) => args.includes(`--${name}`));
    const rows: Row[] = [];
    for (const [, part] of wanted.length > 0 ? wanted : parts) rows.push(...await part(sides));
    return printTable(rows);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

interface Sides {
  readonly home: BenchHome;
  readonly peer: Peer;
  readonly scratch: string;
  readonly rounds: number;
}

function ours({ home }: Sides, tag: string, context: string): Promise<string> {
  return home.ctr("build", "--progress", "quiet", "-t", tag, context);
}

function theirs({ peer }: Sides, tag: string, context: string, ...more: string[]): Promise<string> {
  const settings = ["--isolation", "chroot", "--layers", "--quiet", "--tls-verify=false"];
  const policy = ["--signature-policy", `${peer.folder}/policy.json`];
  return peer.run("build", ...settings, ...policy, ...more, "-t", tag, context);
}

/** Nothing has changed; then with 50,000 files that are ignored. */
async function cached(sides: Sides): Promise<Row[]> {
  const context = await cachedContext(`${sides.scratch}/cached`);
  const build = timed(() => ours(sides, "cached", context));
  const [mine, other] = await inTurn([build, timed(() => theirs(sides, "cached", context))], sides);
  const [a, b] = [median(mine!), median(other!)];
  await ignoredFiles(context, 50_000);
  const more = median(await repeat(build, sides));
  return [{
    what: "everything cached, 12 steps",
    ours: ms(a),
    limit: ms(CACHED_MS),
    kept: a <= CACHED_MS,
  }, {
    what: "the same, against buildah",
    ours: ms(a),
    peer: ms(b),
    ratio: ratio(a, b),
    limit: `${CACHED_RATIO}×`,
    kept: a <= b * CACHED_RATIO,
  }, {
    what: "the same with 50,000 ignored files, against without them",
    ours: ms(more),
    peer: ms(a),
    ratio: `+${ms(Math.max(0, more - a))}`,
    limit: `+${ms(IGNORED_MS)}`,
    kept: more - a <= IGNORED_MS,
  }];
}

/** 20,000 files of 200 MB by COPY, into an image that has nothing else. Neither side has seen them before. */
async function copied(sides: Sides): Promise<Row[]> {
  const context = await manyFiles(`${sides.scratch}/copied`, 20_000, 10_000);
  const runs = [async () => {
    await sides.home.ctr("builder", "prune", "--all", "--force");
    return await timed(() => ours(sides, "copied", context))();
  }, timed(() => theirs(sides, "copied", context, "--no-cache"))];
  const [mine, other] = (await inTurn(runs, sides)).map(median);
  return [{
    what: "COPY of 20,000 files, 200 MB, against buildah",
    ours: ms(mine!),
    peer: ms(other!),
    ratio: ratio(mine!, other!),
    limit: `${COPY_RATIO}×`,
    kept: mine! <= other! * COPY_RATIO,
  }];
}

/** Packages by apt and a program in Go, in five stages, against the sum of the commands in one container. */
async function stages(sides: Sides): Promise<Row[]> {
  const { home } = sides;
  const context = await program(`${sides.scratch}/program`);
  const rounds = { rounds: Math.min(2, sides.rounds), warmups: 0 };
  await home.ctr("image", "pull", "--progress", "none", "golang:1");
  await home.ctr("image", "pull", "--progress", "none", "debian:12-slim");
  const build = timed(() =>
    home.ctr("build", "--progress", "quiet", "--no-cache", "-t", "program", context)
  );
  const exec = async () => {
    const box = ["--name", "box", "-v", `${context}:/context:ro`, "--progress", "none"];
    await home.ctr("run", "-d", ...box, "golang:1", "sleep", "100000");
    let sum = 0;
    for (const step of PROGRAM_STEPS) {
      sum += await timed(() =>
        home.ctr("exec", "-w", step.folder, "box", "sh", "-ec", step.command)
      )();
    }
    await home.ctr("rm", "-f", "box");
    return sum;
  };
  const [mine, other] = (await inTurn([build, exec], rounds)).map(median);
  return [{
    what: "five stages (apt, Go), against ctr exec of the commands",
    ours: ms(mine!),
    peer: ms(other!),
    ratio: ratio(mine!, other!),
    limit: `${STAGES_RATIO}×`,
    kept: mine! <= other! * STAGES_RATIO,
  }];
}

/** The first run of what was just built, against a run of its base. */
async function started(sides: Sides): Promise<Row[]> {
  const { home, scratch } = sides;
  const context = await cachedContext(`${scratch}/started`);
  await home.ctr("image", "pull", "--progress", "none", "busybox");
  let count = 0;
  const run = (image: string) => home.ctr("run", "--rm", "--progress", "none", image, "true");
  const runs = [async () => {
    await Deno.writeTextFile(`${context}/file-0`, `${count++}`);
    await ours(sides, "fresh", context);
    return await timed(() => run("fresh"))();
  }, timed(() => run("busybox"))];
  const [mine, other] = (await inTurn(runs, sides)).map(median);
  return [{
    what: "ctr run of what was just built, against its base",
    ours: ms(mine!),
    peer: ms(other!),
    ratio: ratio(mine!, other!),
  }];
}
