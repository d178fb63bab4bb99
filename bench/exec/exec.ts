/** What `ctr exec NAME true` costs beyond the guest's own fork and exec. */
import { BUSYBOX, ctrHome } from "../../tests/run/ctr_home.ts";
import { bundledMain } from "../cli/bundled.ts";
import { median, ms, printTable, ratio, repeat, timed } from "../table.ts";

const LIMIT_MS = 100;
const RUNS = 20;

export async function run(args: string[]): Promise<boolean> {
  await bundledMain();
  await using home = await ctrHome();
  const ok = async (...words: string[]) => {
    const { status, stdout, stderr } = await home.ctr(words);
    if (status !== 0) throw new Error(`ctr ${words.join(" ")}: ${stderr}`);
    return stdout;
  };
  await ok("run", "-d", "--name", "box", "--progress", "none", BUSYBOX, "sleep", "100000");
  const rounds = { rounds: args.includes("--quick") ? 5 : 20, warmups: 3 };
  const whole = median(await repeat(timed(() => ok("exec", "box", "true")), rounds));
  const guest = median(await repeat(async () => await forkExecMs(ok), { rounds: 3, warmups: 1 }));
  return printTable([{
    what: "ctr exec NAME true, beyond the guest's fork and exec",
    ours: ms(whole),
    peer: ms(guest),
    ratio: ratio(whole, guest),
    limit: `+${LIMIT_MS} ms`,
    kept: whole - guest <= LIMIT_MS,
  }]);
}

/** By the guest's own clock: a shell that forks and executes the same program. */
async function forkExecMs(ok: (...words: string[]) => Promise<string>): Promise<number> {
  const loop = `for i in $(seq ${RUNS}); do /bin/true; done`;
  const clock = "cut -d' ' -f1 /proc/uptime";
  const text = await ok("exec", "box", "sh", "-c", `${clock}; ${loop}; ${clock}`);
  const [began = 0, ended = 0] = text.trim().split("\n").map(Number);
  return (ended - began) * 1000 / RUNS;
}
