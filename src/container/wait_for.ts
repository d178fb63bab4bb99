import type { Health, WaitRequest } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { Changes, type UntilOptions } from "./changes.ts";
import type { State } from "./describe.ts";
import type { ContainerRecord } from "./types.ts";
import { wrongState } from "./wrong_state.ts";

const NO_CHECK_HINT = "give it one with --health-cmd when it is made";

/** What is looked at while somebody waits. */
export interface Watched {
  readonly record: ContainerRecord;
  readonly state: State;
  readonly health: Health | undefined;
}

type Bounds = Pick<UntilOptions, "timeoutMs" | "signal">;

/**
 * Waits until a container is running, healthy or removed.
 *
 * @throws {CtrError} `timeout`; `invalid-state` if that will not come: it has no health check, or has
 * ended and nothing starts it again; `not-found` if it is removed meanwhile.
 */
export async function waitFor(
  changes: Changes,
  watched: () => Watched | undefined,
  wanted: Exclude<WaitRequest["for"], "stopped">,
  bounds: Bounds,
): Promise<void> {
  const name = watched()?.record.config.name ?? "";
  const what = `waiting for "${name}" to be ${wanted}`;
  await changes.until(() => look(watched(), wanted, name) || undefined, { what, ...bounds });
}

function look(
  watched: Watched | undefined,
  wanted: "running" | "healthy" | "removed",
  name: string,
): boolean {
  if (wanted === "removed") return watched === undefined;
  if (watched === undefined) {
    throw new CtrError("not-found", `cannot wait for "${name}": it was removed`);
  }
  const { record, state, health } = watched;
  if (wanted === "running") return state === "running" || state === "paused";
  if (record.config.health === undefined) {
    throw wrongState(name, "wait for", "it has no health check", NO_CHECK_HINT);
  }
  if (state === "exited") {
    const fact = `it has ended with ${record.exit?.status ?? 0}`;
    throw wrongState(name, "wait for", fact, `see "ctr logs ${name}"`);
  }
  return state === "running" && health?.state === "healthy";
}

/** Waits for `work`, which goes on by itself, no longer than that. */
export async function waitBounded<T>(
  work: Promise<T>,
  options: UntilOptions,
): Promise<T> {
  const done = new Changes();
  let outcome: PromiseSettledResult<T> | undefined;
  Promise.allSettled([work]).then(([settled]) => {
    outcome = settled;
    done.notify();
  });
  const settled = await done.until(() => outcome, options);
  if (settled.status === "rejected") throw settled.reason;
  return settled.value;
}
