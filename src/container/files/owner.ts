import type { RunningVm } from "../../vm/mod.ts";
import { exists, type Folders } from "../context.ts";
import type { State } from "../describe.ts";
import type { ContainerRecord } from "../types.ts";

/** The container whose files are meant. */
export interface FileOwner {
  readonly record: ContainerRecord;
  readonly folders: Folders;
  readonly state: State;
  /** Its VM; undefined when it does not run. */
  runningVm(): Promise<RunningVm | undefined>;
  /** Does `work` while nothing else changes its life. `asked` resolves when somebody waits for it. */
  exclusive<T>(work: (asked: Promise<void>) => Promise<T>): Promise<T>;
}

/**
 * True where nothing but ourselves could write to its disk. For use within `exclusive`.
 *
 * A container whose process has ended is stopped before its VM is: its folder goes last.
 */
export async function isStopped({ state, folders }: FileOwner): Promise<boolean> {
  const ended = state === "created" || state === "exited" || state === "restarting";
  return ended && !await exists(folders.vm);
}
