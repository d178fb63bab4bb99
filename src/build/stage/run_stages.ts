/** Runs what a target needs for all platforms. The first failure ends the rest, and nothing works on behind it. */
import type { Platform } from "../../oci/mod.ts";
import type { Job } from "../job.ts";
import { type StageEnd } from "./stage_run.ts";
import { Stages } from "./stages.ts";

/** @param abort Ends the job's signal. */
export async function runStages(
  job: Job,
  abort: AbortController,
  platforms: readonly Platform[],
  target: number,
): Promise<StageEnd[]> {
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {}); // met by the race below
  const name = job.dockerfile.stages[target]!.name ?? String(target);
  const all = platforms.map((platform) =>
    new Stages(job, platform, name, (error) => failure.reject(error))
  );
  try {
    return await Promise.race([
      Promise.all(all.map((stages) => stages.get(target))),
      failure.promise,
    ]);
  } catch (error) {
    abort.abort(error);
    await Promise.allSettled(all.map((stages) => stages.settled()));
    throw error;
  }
}
