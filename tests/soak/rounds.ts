import { BUSYBOX, type CtrHome, ctrHome } from "../run/ctr_home.ts";
import { type HomeProcess, homeProcesses, killHard, type Role } from "./processes.ts";
import { Random } from "./random.ts";

const ROLES: readonly Role[] = ["cli", "engine", "qemu", "virtiofsd", "netd"];
/** The victim dies somewhere between the first start and a while after the last. */
const MOMENTS_MS = 4000;
/** What is under way must have come to its end by then: a start under emulation is slow. */
const SETTLE_MS = 60_000;
const QUIET = ["--progress", "none"];

export interface SoakOptions {
  readonly rounds: number;
  readonly seed: number;
  readonly log: (line: string) => void;
}

/** What was killed, how often. */
export type Tally = Record<Role, number>;

/**
 * Each round starts five containers of different kinds at once, kills one process of the home in the
 * middle of it, and looks whether everything is in order then: records and files agree, no state is
 * stuck, and when all was removed no process and no file is left.
 *
 * @throws {Error} With the seed, the round and what was found.
 */
export async function soak({ rounds, seed, log }: SoakOptions): Promise<Tally> {
  const random = new Random(seed);
  const tally: Tally = { cli: 0, engine: 0, qemu: 0, virtiofsd: 0, netd: 0 };
  await using home = await ctrHome();
  const shared = await Deno.makeTempDir({ dir: "/tmp", prefix: "ctr-soak-" });
  try {
    await ok(home, ["image", "pull", ...QUIET, BUSYBOX]);
    for (let round = 1; round <= rounds; round++) {
      const began = performance.now();
      try {
        const killed = await soakRound(home, shared, random);
        tally[killed.role]++;
        const took = ((performance.now() - began) / 1000).toFixed(1);
        log(`round ${round}: killed ${killed.role} after ${killed.afterMs} ms (${took} s)`);
      } catch (error) {
        throw new Error(`round ${round} of seed ${seed}: ${(error as Error).message}`);
      }
    }
  } finally {
    await Deno.remove(shared, { recursive: true });
  }
  return tally;
}

async function soakRound(home: CtrHome, shared: string, random: Random) {
  const sleep = ["sleep", "300"];
  const starts: string[][] = [
    ["run", "-d", "--name", "plain", ...QUIET, BUSYBOX, ...sleep],
    [
      "run",
      "--name",
      "attached",
      ...QUIET,
      BUSYBOX,
      "sh",
      "-c",
      "while :; do echo x; sleep 1; done",
    ],
    ["run", "--rm", "--name", "passing", ...QUIET, BUSYBOX, "sleep", "1"],
    ["run", "-d", "--restart", "always", "--name", "returning", ...QUIET, BUSYBOX, ...sleep],
    ["run", "-d", "-v", `${shared}:/shared`, "--name", "sharing", ...QUIET, BUSYBOX, ...sleep],
  ];
  const clients: Deno.ChildProcess[] = [];
  for (const start of starts) clients.push(await home.spawn(start));
  for (const client of clients) { // nobody reads them, and none may wait for that
    client.stdout.pipeTo(new WritableStream()).catch(() => {});
    client.stderr.pipeTo(new WritableStream()).catch(() => {});
  }
  const afterMs = random.below(MOMENTS_MS);
  await new Promise((resolve) => setTimeout(resolve, afterMs)); // the moment is what is random
  const victim = await chooseVictim(home, random);
  killHard(victim.pid);

  await ok(home, ["ls", "-a"]);
  await settled(home);
  await ok(home, ["system", "check"]);

  for (const client of clients) {
    if (await isAlive(client)) client.kill("SIGKILL");
    await client.status;
  }
  await removeAll(home);
  await ok(home, ["system", "check"]);
  // The network stays warm for the next container, as long as there is an engine.
  const left = (await homeProcesses(home.path)).filter(({ role }) =>
    !["engine", "netd"].includes(role)
  );
  if (left.length > 0) throw new Error(`left: ${left.map(({ command }) => command).join(" | ")}`);
  const litter = await home.litter();
  if (litter.length > 0) throw new Error(`left: ${litter.join(", ")}`);
  return { role: victim.role, afterMs };
}

/** Any role that has a process now; the engine is always one of them, or the CLI. */
async function chooseVictim(home: CtrHome, random: Random): Promise<HomeProcess> {
  for (;;) {
    const all = await homeProcesses(home.path);
    const roles = ROLES.filter((role) => all.some((each) => each.role === role));
    if (roles.length === 0) throw new Error("nothing runs that could be killed");
    const role = random.pick(roles);
    return random.pick(all.filter((each) => each.role === role));
  }
}

/** Waits until nothing is on its way from one state to another. */
async function settled(home: CtrHome): Promise<void> {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const { status, stdout, stderr } = await home.ctr(["ls", "-a", "--format", "json"]);
    if (status !== 0) throw new Error(`ls ended with ${status}: ${stderr}`);
    const containers = JSON.parse(stdout) as { name: string; status: { state: string } }[];
    const moving = containers.filter(({ status }) =>
      ["starting", "stopping"].includes(status.state)
    );
    if (moving.length === 0) return;
    if (performance.now() > until) {
      const stuck = moving.map(({ name, status }) => `"${name}" is ${status.state}`);
      throw new Error(`stuck: ${stuck.join(", ")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** One that removes itself may be gone before its turn comes. */
async function removeAll(home: CtrHome): Promise<void> {
  const { stderr } = await home.ctr(["rm", "-f", "--all"]);
  const { stdout } = await home.ctr(["ls", "-aq"]);
  if (stdout !== "") throw new Error(`rm -f --all left ${stdout.trim()}: ${stderr}`);
}

async function ok(home: CtrHome, args: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = await home.ctr(args);
  if (status !== 0) {
    throw new Error(`ctr ${args.join(" ")} ended with ${status}: ${stderr}${stdout}`);
  }
}

async function isAlive(client: Deno.ChildProcess): Promise<boolean> {
  const ended = client.status.then(() => false);
  return await Promise.race([ended, new Promise<true>((resolve) => setTimeout(resolve, 0, true))]);
}
