import { CtrError } from "../core/mod.ts";

/** @param fact Why not, for example `it is paused`. */
export function wrongState(name: string, verb: string, fact: string, hint?: string): CtrError {
  return new CtrError("invalid-state", `cannot ${verb} "${name}": ${fact}`, { hint });
}
