/** How long `ctr` keeps one waiting before it does anything, against an empty Deno program. */
import { alternate, ms, printTable, ratio, type Row } from "../table.ts";
import { FakeEngine } from "../../tests/cli/fake_engine.ts";
import { container } from "../../tests/cli/examples.ts";
import { bundledMain } from "./bundled.ts";

/** As bin/ctr runs it. */
const DENO = "run -A --quiet --no-config --no-lock --no-remote --no-npm --unstable-vsock".split(
  " ",
);
const ADDED_MS = 60;
const LIST_MS = 150;

export async function run(args: string[]): Promise<boolean> {
  const rounds = { rounds: args.includes("--quick") ? 5 : 15, warmups: 2 };
  const main = await bundledMain();
  const home = await Deno.makeTempDir({ prefix: "ctr-bench-" });
  await Deno.writeTextFile(`${home}/empty.js`, "\n");
  const engine = await FakeEngine.listen(home);
  const fifty = Array.from({ length: 50 }, (_, index) => container("a1", `web${index}`, "running"));
  engine.on("GET /v1/containers", () => fifty);
  const empty = () => wallMs(home, [`${home}/empty.js`]);
  const rows: Row[] = [];
  for (const words of [["version"], ["--help"], ["completion", "bash"]]) {
    const { a, b } = await alternate(() => wallMs(home, [main, ...words]), empty, rounds);
    const [ours, peer] = [least(a), least(b)];
    rows.push({
      what: `ctr ${words.join(" ")} vs an empty program`,
      ours: ms(ours),
      peer: ms(peer),
      ratio: ratio(ours, peer),
      limit: `+${ADDED_MS} ms`,
      kept: ours - peer <= ADDED_MS,
    });
  }
  const { a, b } = await alternate(() => wallMs(home, [main, "ls"]), empty, rounds);
  rows.push({
    what: "ctr ls of 50 containers (the engine's answer ready)",
    ours: ms(least(a)),
    peer: ms(least(b)),
    ratio: ratio(least(a), least(b)),
    limit: `${LIST_MS} ms`,
    kept: least(a) <= LIST_MS,
  });
  await engine[Symbol.asyncDispose]();
  await Deno.remove(home, { recursive: true });
  return printTable(rows);
}

/** What else runs on the machine adds to a start and never takes away, so the least is the truth. */
function least(figures: readonly number[]): number {
  return Math.min(...figures);
}

async function wallMs(home: string, args: string[]): Promise<number> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...DENO, ...args],
    env: { CTR_HOME: home, NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  });
  const began = performance.now();
  const { code } = await command.spawn().status;
  if (code !== 0) throw new Error(`deno run ${args.join(" ")} ended with ${code}`);
  return performance.now() - began;
}
