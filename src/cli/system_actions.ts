import { SystemStatus } from "../api/mod.ts";
import { CTR_VERSION } from "../api/wire/mod.ts";
import { formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { type Format, printList } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";
import { seconds } from "./settings.ts";

/** An engine that has stopped its containers has only files to close. */
const ENDED_MS = 10_000;

interface FormatFlags {
  readonly format: Format;
}

export async function startEngine(app: App): Promise<void> {
  await app.engine();
}

/** An engine that does not run is as stopped as one can wish. */
export async function stopEngine(app: App, flags: { readonly time?: string }): Promise<void> {
  const request = flags.time === undefined ? {} : { timeoutMs: seconds("--time", flags.time) };
  const engine = await app.runningEngine();
  if (engine === undefined) return app.stderr.line("note: the engine does not run");
  const { pid } = await engine.get("/version") as { pid: number };
  const { daemonGone, processStart } = await import("../host/mod.ts");
  const start = await processStart(pid);
  await engine.post("/shutdown", request, {});
  if (start !== undefined) await daemonGone({ pid, start }, ENDED_MS);
}

/** Never starts the engine; ends with 1 when it does not run. */
export async function status(app: App, flags: FormatFlags): Promise<void> {
  const engine = await app.runningEngine();
  const answer = engine && parseAnswer(SystemStatus, await engine.get("/status"));
  const facts = answer
    ? { status: "running", ...answer }
    : { status: "not running", home: await app.home() };
  if (!answer) app.exitStatus = 1;
  if (flags.format === "json") return app.stdout.line(JSON.stringify(facts));
  if (flags.format !== "table") {
    return await printList(app, [facts], { ...flags, header: [], row: () => [], id: () => "" });
  }
  await printList(app, Object.entries(facts), {
    format: flags.format,
    header: ["FIELD", "VALUE"],
    row: ([field, value]) => [
      field,
      field === "memoryBytes" ? formatSize(Number(value)) : String(value),
    ],
    id: ([field]) => field,
  });
}

/** The engine's row is there when it runs. */
export async function versions(app: App, flags: FormatFlags): Promise<void> {
  const engine = await app.runningEngine();
  const rows = [{ component: "ctr", version: CTR_VERSION }];
  if (engine) {
    const { version } = await engine.get("/version") as { version: string };
    rows.push({ component: "engine", version });
  }
  await printList(app, rows, {
    format: flags.format,
    header: ["COMPONENT", "VERSION"],
    row: (each) => [each.component, each.version],
    id: (each) => each.component,
  });
}
