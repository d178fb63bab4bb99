import { exitStatusOf } from "../core/mod.ts";
import type { App } from "./app.ts";
import { describeError, usage } from "./errors.ts";

/** More at once would only wait for each other in the engine. */
const MOST_AT_ONCE = 32;

/**
 * Acts on each container once, in order; one that fails does not keep the others from their turn.
 *
 * Errors are printed as they happen. The status is that of the last one in the end.
 */
export async function eachTarget(
  app: App,
  references: readonly string[],
  act: (reference: string) => Promise<void>,
): Promise<void> {
  for (const reference of new Set(references)) await attempt(app, () => act(reference));
}

/**
 * As `eachTarget()`, for what takes its time: all are begun at once, and told in the order that they
 * were named in.
 *
 * @param tell Called with what `act` found.
 */
export async function allTargets<T>(
  app: App,
  references: readonly string[],
  act: (reference: string) => Promise<T>,
  tell: (reference: string, found: T) => void,
): Promise<void> {
  const waiting = [...new Set(references)].map((reference) => ({
    reference,
    done: Promise.withResolvers<T>(),
  }));
  for (const { done } of waiting) done.promise.catch(() => {}); // told when its turn comes
  const queue = [...waiting];
  const work = async () => {
    for (let next; (next = queue.shift());) {
      const { reference, done } = next;
      await act(reference).then(done.resolve, done.reject);
    }
  };
  for (let at = 0; at < MOST_AT_ONCE; at++) work();
  for (const { reference, done } of waiting) {
    await attempt(app, async () => tell(reference, await done.promise));
  }
}

async function attempt(app: App, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw error;
    app.stderr.write(describeError(error, app.debug));
    app.exitStatus = exitStatusOf(error, false);
  }
}

/** Names were given, or `--all`: one of both. */
export function checkTargets(references: readonly string[], all: boolean | undefined): void {
  if (all && references.length > 0) {
    throw usage("cannot use --all together with names: the two conflict");
  }
  if (!all && references.length === 0) {
    throw usage("want at least one container, or --all");
  }
}

/** The path of a container's route. */
export function containerPath(reference: string, action = ""): string {
  return `/containers/${encodeURIComponent(reference)}${action && `/${action}`}`;
}
