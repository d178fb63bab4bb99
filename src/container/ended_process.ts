import type { Exit } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { type AttachedProcess } from "./live_process.ts";
import { readLog } from "./log_reader.ts";
import type { OutputSink } from "./process_output.ts";

/** A first process that has ended: what a client has not seen of it is in the log. */
export function endedProcess(logs: string, run: number, exit: Exit): AttachedProcess {
  const ended = () => Promise.reject(new CtrError("invalid-state", "the process has ended"));
  return {
    input: undefined,
    begin() {},
    resize: ended,
    signal: ended,
    follow: (sink, from) => replay(logs, run, exit, sink, from),
  };
}

async function replay(
  logs: string,
  run: number,
  exit: Exit,
  sink: OutputSink,
  from: number | undefined,
): Promise<Exit | undefined> {
  if (from === undefined) return exit;
  let gone = false;
  sink.closed.then(() => gone = true);
  for (const record of readLog(logs, { run, offset: from })) {
    if (record.run !== run) break;
    await sink.write(record);
    if (gone) return undefined;
  }
  return exit;
}
