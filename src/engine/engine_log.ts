import { join } from "node:path";
import { createLog, type Log } from "../core/mod.ts";

/** A larger log is put aside when an engine starts. */
const LARGE = 1024 * 1024;

/**
 * The engine's log, `run/engine.log`.
 *
 * It is emptied rather than renamed: our standard error may be the same file, opened for appending.
 */
export function openEngineLog(home: string): { readonly log: Log; readonly path: string } {
  const path = join(home, "run/engine.log");
  if ((statIfThere(path)?.size ?? 0) > LARGE) {
    Deno.copyFileSync(path, `${path}.1`);
    Deno.truncateSync(path, 0);
  }
  const file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
  const encoder = new TextEncoder();
  const write = (line: string) => {
    try {
      file.writeSync(encoder.encode(line));
    } catch {
      // a full disk must not end what runs
    }
  };
  const level = Deno.env.get("CTR_DEBUG") ? "debug" : "info";
  return { log: createLog(write, level), path };
}

function statIfThere(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}
