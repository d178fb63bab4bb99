import { CtrError } from "../core/mod.ts";
import type { MergeJob, Written } from "./protocol.ts";

export function runMergeJob(_job: MergeJob): Written {
  throw new CtrError("unsupported", "not written yet");
}
