import { exitStatusOf } from "../core/mod.ts";
import type { App } from "./app.ts";
import { describeError, usage } from "./errors.ts";

/**
 * Acts on each container once, in order; one that fails does not keep the others from their turn.
 *
 * Errors are printed as they happen. The status is 1 in the end if there was any.
 */
export async function eachTarget(
  app: App,
  references: readonly string[],
  act: (reference: string) => Promise<void>,
): Promise<void> {
  for (const reference of new Set(references)) {
    try {
      await act(reference);
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) throw error;
      app.stderr.write(describeError(error, app.debug));
      app.exitStatus = exitStatusOf(error, false);
    }
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
