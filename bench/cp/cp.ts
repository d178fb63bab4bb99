/** `ctr cp` against `tar` piped through `ctr exec -i`: many small files and one large one, each way. */
import { BUSYBOX } from "../../tests/run/ctr_home.ts";
import { BIN } from "../cli/bundled.ts";
import { BenchHome } from "../cli/bench_home.ts";
import { alternate, median, ms, printTable, ratio, type Row, timed } from "../table.ts";

const LIMIT = 1.3;
const FOLDERS = 100;
const GIB = 1024 ** 3;

interface Subject {
  readonly what: string;
  readonly make: (path: string) => Promise<void>;
}

/** @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const quick = args.includes("--quick");
  const files = quick ? 2000 : 20_000;
  const bytes = quick ? GIB / 16 : GIB;
  const rounds = { rounds: quick ? 1 : 3, warmups: quick ? 0 : 1 };
  const subjects: Subject[] = [
    { what: `${files} files of 1 kB`, make: (path) => makeFiles(path, files) },
    { what: `one file of ${bytes / 1024 ** 2} MiB`, make: (path) => makeFile(path, bytes) },
  ];
  const rows: Row[] = [];
  for (const subject of subjects) rows.push(...await measure(subject, rounds));
  return printTable(rows);
}

async function measure(
  { what, make }: Subject,
  rounds: { readonly rounds: number; readonly warmups: number },
): Promise<Row[]> {
  await using home = await BenchHome.open();
  await using work = await workFolder();
  await home.ctr("run", "-d", "--name", "box", "--progress", "none", BUSYBOX, "sleep", "100000");
  await make(`${work.path}/tree`);
  const inside = (line: string) => home.ctr("exec", "box", "sh", "-c", line);
  const piped = (line: string) => shell(line, work.path, home.path);

  const into = await alternate(
    clean(() => inside("rm -rf /cp"), () => home.ctr("cp", "-q", `${work.path}/tree`, "box:/cp")),
    clean(
      () => inside("rm -rf /tar; mkdir /tar"),
      () => piped(`tar -cf - tree | "$CTR" exec -i box tar -C /tar -xf -`),
    ),
    rounds,
  );
  const out = await alternate(
    clean(
      () => piped("rm -rf cp"),
      () => home.ctr("cp", "-q", "box:/cp", `${work.path}/cp`),
    ),
    clean(
      () => piped("rm -rf tar; mkdir tar"),
      () => piped(`"$CTR" exec box tar -C /tar -cf - tree | tar -C tar -xf -`),
    ),
    rounds,
  );
  await piped("diff -r tree cp && diff -r tree tar/tree"); // what is fast and wrong is not fast
  return [row(`cp ${what} into a container`, into), row(`cp ${what} out of it`, out)];
}

/** What is prepared before the clock runs. */
function clean(prepare: () => Promise<unknown>, work: () => Promise<unknown>) {
  const run = timed(work);
  return async () => {
    await prepare();
    return await run();
  };
}

function row(what: string, { a, b }: { readonly a: number[]; readonly b: number[] }): Row {
  const [ours, peer] = [median(a), median(b)];
  return {
    what,
    ours: ms(ours),
    peer: ms(peer),
    ratio: ratio(ours, peer),
    limit: `${LIMIT}×`,
    kept: ours <= LIMIT * peer,
  };
}

async function shell(line: string, cwd: string, home: string): Promise<void> {
  const { code, stderr } = await new Deno.Command("bash", {
    args: ["-o", "pipefail", "-c", line],
    cwd,
    env: { CTR: BIN, CTR_HOME: home, CTR_CONFIG: `${home}/config.toml` },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (code !== 0) {
    throw new Error(`${line} ended with ${code}: ${new TextDecoder().decode(stderr)}`);
  }
}

async function makeFiles(path: string, count: number): Promise<void> {
  const content = new Uint8Array(1000);
  for (let at = 0; at < count; at++) {
    const folder = `${path}/${at % FOLDERS}`;
    if (at < FOLDERS) await Deno.mkdir(folder, { recursive: true });
    crypto.getRandomValues(content);
    await Deno.writeFile(`${folder}/${at}`, content);
  }
}

async function makeFile(path: string, bytes: number): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  const piece = new Uint8Array(65_536);
  for (let at = 0; at < bytes; at += piece.length) {
    crypto.getRandomValues(piece);
    await file.write(piece);
  }
}

/**
 * In memory where the host has that. ext4 does not give out an inode again for some seconds after its file
 * was removed, so making files where others were just removed takes it up to ten times as long: that would
 * be measured, on both sides, instead of the copying.
 */
async function workFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const memory = await Deno.stat("/dev/shm").then(() => "/dev/shm", () => undefined);
  const path = await Deno.makeTempDir({ prefix: "ctr-bench-cp-", ...(memory && { dir: memory }) });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
