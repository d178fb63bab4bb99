import { wrongState } from "./wrong_state.ts";
import type { Lifetime } from "./lifetime.ts";
import type { Live } from "./live.ts";
import { SIGKILL, signalName, signalNumber } from "./signals.ts";

/** What a killed process gets to be gone. */
const KILL_MS = 5000;

/** Asks a container to end, and makes it after the grace. Resolves once it has ended. */
export async function stop(life: Lifetime, signal?: string, timeoutMs?: number): Promise<void> {
  const first = signalNumber(signal ?? life.config.stopSignal);
  await stayStopped(life);
  const live = await life.settled();
  if (!live) return;
  await stayStopped(life); // a start that was under way has forgotten it
  const ran = !live.ended;
  await endLive(life, live, first, timeoutMs);
  if (ran) life.emit("stop");
}

/** Resolves when its process has ended, however it did, and its VM is tidied away. */
export async function endLive(
  life: Lifetime,
  live: Live,
  signal: number,
  timeoutMs = life.config.stopTimeoutMs,
): Promise<void> {
  live.stopping++;
  try {
    if (live.paused) await life.mutex.run(() => live.thaw().catch(() => {}));
    if (!live.ended) await live.stop(signal, timeoutMs);
  } finally {
    live.stopping--;
    await life.mutex.run(() => Promise.resolve()); // the tidying
  }
}

/** Its policy does not start it again until somebody does. */
export async function stayStopped(life: Lifetime): Promise<void> {
  if (life.config.restart.name === "no" && !life.restarts.waiting) return;
  await life.restarts.stoppedByHand();
}

/**
 * Sends a signal to the first process. One that is meant to end it wakes a paused container, and ends
 * the waiting of one that is to be started again.
 *
 * @throws {CtrError} `invalid-state` if it does not run.
 */
export async function kill(life: Lifetime, signal: string): Promise<void> {
  const number = signalNumber(signal);
  const ends = number === SIGKILL || number === signalNumber(life.config.stopSignal);
  const { waiting } = life.restarts;
  if (ends) await stayStopped(life);
  const live = await life.settled();
  if (!live || live.ended) {
    if (ends && waiting) return;
    const { name } = life.config;
    throw wrongState(name, "signal", "it is not running", `start it with: ctr start ${name}`);
  }
  if (ends) {
    await stayStopped(life);
    if (live.paused) await life.mutex.run(() => live.thaw());
  }
  life.emit("kill", { signal: signalName(number) });
  if (number === SIGKILL) await live.stop(SIGKILL, KILL_MS);
  else await live.main.signal(signalName(number));
}

/**
 * Removes a container with all its files.
 *
 * @param state What it is, for the sentence.
 * @throws {CtrError} `invalid-state` if it runs, or is about to, without `force`.
 */
export async function remove(
  life: Lifetime,
  options: { readonly force: boolean; readonly volumes: boolean },
  state: () => string,
): Promise<void> {
  const { force, volumes } = options;
  if (force) await stayStopped(life);
  if (life.live && (life.live.ended || force)) { // what its guest would still write goes with it
    await life.live.discardVm();
  }
  await life.mutex.run(async () => {
    if (life.removed) return;
    const { live, config } = life;
    if (!force && (live ? !live.ended : life.restarts.waiting)) {
      const hint = "stop it first, or use: ctr rm -f";
      throw wrongState(config.name, "remove", `it is ${state()}`, hint);
    }
    if (live) await life.end(live);
    await life.erase({ volumes: volumes || config.autoRemove });
  });
}
