/** What `ctr exec NAME true` costs beyond the guest's own fork and exec, by vminitd's clock. */
import { parseConfig } from "../../src/config/mod.ts";
import { runEngine } from "../../src/engine/mod.ts";
import { type ConnectGuest, connectGuestOf } from "../../src/vm/mod.ts";
import { BUSYBOX } from "../../tests/run/ctr_home.ts";
import { BenchHome } from "../cli/bench_home.ts";
import { median, ms, printTable, repeat, timed } from "../table.ts";

const LIMIT_MS = 100;

/** @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const rounds = { rounds: args.includes("--quick") ? 5 : 20, warmups: 3 };
  const whole = await wholeMs(rounds);
  const guest = await forkExecMs(rounds.rounds);
  return printTable([{
    what: "ctr exec NAME true, beyond the guest's fork and exec",
    ours: ms(whole),
    peer: ms(guest),
    ratio: `+${ms(whole - guest)}`,
    limit: `+${LIMIT_MS} ms`,
    kept: whole - guest <= LIMIT_MS,
  }]);
}

async function wholeMs(rounds: { rounds: number; warmups: number }): Promise<number> {
  await using home = await BenchHome.open();
  await startBox(home);
  return median(await repeat(timed(() => home.ctr("exec", "box", "true")), rounds));
}

/**
 * The guest answers how long the fork and exec of each process took, and the engine's API has no place
 * for it. So the same is done with an engine in this process, which hears the answers.
 */
async function forkExecMs(count: number): Promise<number> {
  await using home = await BenchHome.open();
  const figures: number[] = [];
  const connect: ConnectGuest = async (vm, deadlineMs) => {
    const guest = await connectGuestOf("bench")(vm, deadlineMs);
    const startProcess = guest.startProcess.bind(guest);
    guest.startProcess = async (...request) => {
      const started = await startProcess(...request);
      figures.push((started as { forkExecMs?: number }).forkExecMs ?? NaN);
      return started;
    };
    return guest;
  };
  const engine = await runEngine({ home: home.path, config: parseConfig("", "none"), connect });
  try {
    await startBox(home);
    for (let n = 0; n <= count; n++) await home.ctr("exec", "box", "true");
    await home.ctr("rm", "-f", "box");
  } finally {
    engine.stop(); // "ctr system stop" would wait for the end of this process
    await engine.ended;
  }
  return median(figures.slice(1)); // the first found nothing in the caches
}

async function startBox(home: BenchHome): Promise<void> {
  await home.ctr("run", "-d", "--name", "box", "--progress", "none", BUSYBOX, "sleep", "100000");
}
