import { CtrError, parseDurationMs } from "../core/mod.ts";
import type { App } from "./app.ts";

interface LogsFlags {
  readonly follow?: boolean;
  readonly last: string;
}

/** Prints the engine's log. The engine need not run. */
export async function engineLogs(app: App, flags: LogsFlags): Promise<void> {
  const since = new Date(Date.now() - parseDurationMs(flags.last)).toISOString();
  const path = `${await app.home()}/run/engine.log`;
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CtrError("not-found", `cannot read "${path}": the engine has never run`);
  }
  const watcher = flags.follow ? Deno.watchFs(path) : undefined;
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(64 * 1024);
  let recent = false;
  let pending = "";
  const drain = async () => {
    for (let count; (count = await file.read(buffer)) !== null;) {
      const lines = (pending + decoder.decode(buffer.subarray(0, count), { stream: true }))
        .split("\n");
      pending = lines.pop()!;
      for (const line of lines) {
        // A line without a time belongs to the one before it.
        if (/^\d{4}-\d\d-\d\dT/.test(line)) recent = line >= since;
        if (recent) app.stdout.line(line);
      }
    }
  };
  await drain();
  if (watcher) { for await (const _ of watcher) await drain(); }
  file.close();
}
