import { Top } from "../api/mod.ts";
import type { App } from "./app.ts";
import { printList } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";
import { containerPath } from "./targets.ts";
import { columnsOf, describeProcess, headersOf } from "./top_columns.ts";

interface TopFlags {
  readonly columns?: string;
  readonly format: string;
}

/** Prints the processes of a container. */
export async function top(
  app: App,
  container: string,
  psOptions: readonly string[],
  flags: TopFlags,
): Promise<void> {
  const columns = columnsOf(flags.columns, psOptions);
  const engine = await app.engine();
  const found = parseAnswer(Top, await engine.get(containerPath(container, "top")));
  const nowMs = Date.now();
  await printList(app, found.processes, {
    format: flags.format,
    header: headersOf(columns),
    row: (each) => describeProcess(each, columns, found.memoryInBytes, nowMs),
    id: (each) => String(each.pid),
  });
}
