/**
 * A network's speed beside QEMU's own user mode, passt, and tap and bridge made by hand, all of them on the same two
 * guests; what it takes of many connections and datagrams; and what it costs a container.
 *
 * @module
 */
import { join } from "node:path";
import { BenchHome } from "../cli/bench_home.ts";
import { printTable, type Row } from "../table.ts";
import { containerRows } from "./containers.ts";
import { buildLoad } from "./load.ts";

/**
 * @param args `--quick`; `--only=wire` or `--only=containers` for one half.
 * @returns False when a promise is broken.
 */
export async function run(args: string[]): Promise<boolean> {
  const quick = args.includes("--quick");
  const rows: Row[] = [];
  await using home = await BenchHome.open();
  if (!args.includes("--only=containers")) rows.push(...await wireRows(args));
  if (!args.includes("--only=wire")) {
    const program = await buildLoad(home.path);
    rows.push(...await containerRows(home, program, quick));
  }
  return printTable(rows);
}

/** In a network namespace of its own, which is gone with its last process. Who is not root is root in there alone. */
async function wireRows(args: string[]): Promise<Row[]> {
  for (const program of ["unshare", "ip", "passt", "qemu-system-x86_64"]) {
    if (!await isInstalled(program)) {
      throw new Error(`this bench wants ${program}: run ./scripts/setup --tests`);
    }
  }
  const wire = new URL("wire.ts", import.meta.url).pathname;
  const config = join(import.meta.dirname!, "../../deno.json");
  const { success, stdout } = await new Deno.Command("unshare", {
    args: [
      ...[Deno.uid() === 0 ? "-n" : "-rn", Deno.execPath(), "run", "-A", "--quiet"],
      ...["--config", config, wire, ...args],
    ],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("the part with peers failed: it makes taps and a bridge");
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function isInstalled(program: string): Promise<boolean> {
  const { success } = await new Deno.Command("sh", {
    args: ["-c", 'command -v "$1" > /dev/null', "sh", program],
  }).output();
  return success;
}
