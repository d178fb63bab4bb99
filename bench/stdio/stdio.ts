/** 1 GiB from a container through `ctr run` to a pipe: whole, quick, in constant memory. */
import { createHash } from "node:crypto";
import { BUSYBOX, ctrHome } from "../../tests/run/ctr_home.ts";
import { bundledMain } from "../cli/bundled.ts";
import { mib, printTable, type Row } from "../table.ts";

const GROWTH = 64 * 1048576;

export async function run(args: string[]): Promise<boolean> {
  await bundledMain();
  const total = (args.includes("--quick") ? 128 : 1024) * 1048576;
  await using home = await ctrHome();
  // The first run pulls and warms up; what counts is the second.
  await home.ctr(["run", "--rm", "--progress", "none", BUSYBOX, "true"]);
  // A stream that differs everywhere, so that a byte lost or doubled shows: numbers, counted.
  const script = `yes 0123456789abcdef | head -c ${total}`;
  const child = await home.spawn(["run", "--rm", BUSYBOX, "sh", "-c", script]);
  const memory = watchMemory(home.path, child.pid);
  const hash = createHash("sha256");
  let received = 0;
  let began = 0;
  for await (const bytes of child.stdout) {
    if (began === 0) {
      began = performance.now();
      await memory.begin();
    }
    hash.update(bytes);
    received += bytes.length;
  }
  const seconds = (performance.now() - began) / 1000;
  const { code } = await child.status;
  const problem = await new Response(child.stderr).text();
  const { firstBytes, mostBytes } = await memory.stop();
  const whole = code === 0 && received === total && hash.digest("hex") === expected(total);
  if (!whole) console.error(`status ${code}, ${received} of ${total} bytes\n${problem}`);
  const rate = received / seconds;
  const rows: Row[] = [
    { what: `${mib(total)} arrive whole`, ours: whole ? "yes" : "no", kept: whole },
    {
      // The peer would be the bare transport of the same guest, which has no door for a bench yet.
      what: "container → guest → engine → ctr run → pipe",
      ours: `${mib(rate)}/s`,
    },
    {
      what: "memory of engine and CLI, most vs at the first byte",
      ours: mib(mostBytes),
      peer: mib(firstBytes),
      limit: `+${mib(GROWTH)}`,
      kept: mostBytes - firstBytes <= GROWTH,
    },
  ];
  return printTable(rows);
}

function expected(total: number): string {
  const hash = createHash("sha256");
  const line = new TextEncoder().encode("0123456789abcdef\n".repeat(65536));
  for (let left = total; left > 0; left -= line.length) {
    hash.update(line.subarray(0, Math.min(left, line.length)));
  }
  return hash.digest("hex");
}

/** Resident memory of the engine and the CLI together, looked at ten times a second. */
function watchMemory(home: string, cli: number) {
  let firstBytes = 0;
  let mostBytes = 0;
  const look = async () => {
    let sum = 0;
    for (const pid of [cli, await enginePid(home)]) {
      const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
      sum += Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
    }
    mostBytes = Math.max(mostBytes, sum);
    return sum;
  };
  let going = true;
  const done = (async () => {
    while (going) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await look();
    }
  })();
  return {
    /** What is in use now is where the growth is counted from. */
    async begin() {
      firstBytes = mostBytes = await look();
    },
    async stop() {
      going = false;
      await done;
      return { firstBytes, mostBytes };
    },
  };
}

async function enginePid(home: string): Promise<number> {
  for await (const { name } of Deno.readDir("/proc")) {
    const line = await Deno.readTextFile(`/proc/${name}/environ`).catch(() => "");
    if (!line.includes(`CTR_HOME=${home}\0`)) continue;
    const command = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (command.endsWith("\0engine\0")) return Number(name);
  }
  return 0;
}
