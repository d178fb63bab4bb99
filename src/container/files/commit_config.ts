import type { CommitRequest } from "../../api/mod.ts";
import type { ContainerConfig } from "../types.ts";
import { applyChange } from "./commit_changes.ts";

/** An image's configuration as it is written, what we do not know included. */
export interface ConfigDocument {
  [key: string]: unknown;
  config?: ProcessDocument | null;
  rootfs: { type: "layers"; diff_ids: string[] };
  history?: Record<string, unknown>[] | null;
}

/** The part about running it; names as in Docker's. */
export interface ProcessDocument {
  [key: string]: unknown;
  User?: string;
  Env?: string[] | null;
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  WorkingDir?: string;
  StopSignal?: string;
  Volumes?: Record<string, object> | null;
  ExposedPorts?: Record<string, object> | null;
  Labels?: Record<string, string> | null;
  Healthcheck?: HealthcheckDocument | null;
  Shell?: string[] | null;
  OnBuild?: string[] | null;
}

export interface HealthcheckDocument {
  Test?: string[];
  /** Nanoseconds. */
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

/**
 * The new image's configuration: its image's, over it how the container was made, over that the changes.
 *
 * @param diffId Of the new layer; undefined if nothing was changed.
 * @throws {CtrError} `usage` for a change that cannot be used.
 */
export function newConfig(
  base: ConfigDocument,
  container: ContainerConfig,
  { author, message, changes }: CommitRequest,
  diffId: string | undefined,
): ConfigDocument {
  const process = ofContainer(base.config ?? {}, container);
  const state = { commandGiven: false };
  for (const change of changes) applyChange(process, change, state);
  const created = new Date().toISOString();
  const { history: _history, author: _author, ...rest } = base;
  return {
    ...rest,
    created,
    ...(author && { author }),
    config: process,
    rootfs: {
      type: "layers",
      diff_ids: [...base.rootfs.diff_ids, ...diffId === undefined ? [] : [diffId]],
    },
    history: [...historyOf(base), {
      created,
      ...(author && { author }),
      created_by: container.process.args.join(" "),
      ...(message && { comment: message }),
      ...(diffId === undefined && { empty_layer: true }),
    }],
  };
}

/** An image may have lost its history; each layer must have an entry, or tools take it for damaged. */
function historyOf({ history, rootfs }: ConfigDocument): Record<string, unknown>[] {
  const known = history ?? [];
  const layers = known.filter(({ empty_layer }) => !empty_layer).length;
  if (layers === rootfs.diff_ids.length) return [...known];
  return rootfs.diff_ids.map(() => ({ created_by: "unknown" }));
}

function ofContainer(base: ProcessDocument, container: ContainerConfig): ProcessDocument {
  const { process, stopSignal, labels } = container;
  const made: ProcessDocument = { ...base, ...commandOf(base, container) };
  made.Env = [...process.env];
  if (process.user !== "") made.User = process.user;
  if (process.cwd !== "/" || base.WorkingDir) made.WorkingDir = process.cwd;
  if (Object.keys(labels).length > 0) made.Labels = { ...labels };
  if (base.StopSignal || stopSignal !== "SIGTERM") made.StopSignal = stopSignal;
  return made;
}

/** What the container ran, cut into entrypoint and command again. */
function commandOf(
  base: ProcessDocument,
  { process: { args }, entrypoint }: ContainerConfig,
): Pick<ProcessDocument, "Entrypoint" | "Cmd"> {
  const of = entrypoint ?? base.Entrypoint ?? [];
  const begins = of.length > 0 && of.every((word, at) => args[at] === word);
  const Cmd = args.slice(begins ? of.length : 0);
  return { Entrypoint: begins ? [...of] : null, Cmd: Cmd.length > 0 ? Cmd : null };
}
