import { EngineEvent } from "../api/mod.ts";
import { ENGINE_SOCKET } from "../api/wire/mod.ts";
import type { App } from "./app.ts";
import { type EngineClient, isLost } from "./engine_client.ts";
import { EngineGone, usage } from "./errors.ts";
import { compactJson } from "./json.ts";
import { moment } from "./moment.ts";
import { parseAnswer } from "./parse_answer.ts";

interface EventFlags {
  readonly since?: string;
  readonly until?: string;
  readonly filter?: readonly string[];
  readonly format: string;
}

/** Prints events until the time is over or the engine ends. An engine that died is started again. */
export async function events(app: App, flags: EventFlags): Promise<void> {
  const now = Date.now();
  const render = await renderer(flags.format);
  let sinceMs = flags.since === undefined ? undefined : moment("--since", flags.since, now);
  const untilMs = flags.until === undefined ? undefined : moment("--until", flags.until, now);
  const seen = new Seen();
  for (let engine = await app.engine();; engine = await freshEngine(app)) {
    try {
      for await (const line of lines(engine, path(flags, sinceMs, untilMs))) {
        const event = parseAnswer(EngineEvent, JSON.parse(line));
        if (seen.add(event, line)) app.stdout.line(render(event));
      }
      if (untilMs !== undefined && Date.now() >= untilMs) return;
    } catch (error) {
      if (!(error instanceof EngineGone) && !isLost(error)) throw error;
    }
    // An engine that ends by itself takes its socket away; one that was killed does not.
    if (!await exists(`${await app.home()}/${ENGINE_SOCKET}`)) return;
    sinceMs = Math.max(seen.lastMs, sinceMs ?? now);
  }
}

/** What was told already, of the last moment: the next engine is asked from there on. */
class Seen {
  lastMs = 0;
  readonly #lines = new Set<string>();

  add({ time }: EngineEvent, line: string): boolean {
    const ms = Date.parse(time);
    if (ms !== this.lastMs) this.#lines.clear();
    this.lastMs = ms;
    if (this.#lines.has(line)) return false;
    this.#lines.add(line);
    return true;
  }
}

function path(
  { filter = [] }: EventFlags,
  sinceMs: number | undefined,
  untilMs: number | undefined,
): string {
  const query = new URLSearchParams({ follow: "1" });
  if (sinceMs !== undefined) query.set("since", String(sinceMs));
  if (untilMs !== undefined) query.set("until", String(untilMs));
  for (const each of filter) query.append("filter", each);
  return `/events?${query}`;
}

async function* lines(engine: EngineClient, path: string): AsyncGenerator<string> {
  const { body, connection } = await engine.stream({ method: "GET", path });
  const decoder = new TextDecoder();
  let pending = "";
  try {
    for await (const chunk of body) {
      const whole = (pending + decoder.decode(chunk, { stream: true })).split("\n");
      pending = whole.pop()!;
      yield* whole;
    }
  } finally {
    connection.close();
  }
}

async function freshEngine(app: App): Promise<EngineClient> {
  const { startedEngine } = await import("./engine_start.ts");
  return await startedEngine(await app.home());
}

async function renderer(format: string): Promise<(event: EngineEvent) => string> {
  if (format === "table") return sentence;
  if (format === "json") return compactJson;
  if (!format.includes("{{")) {
    throw usage(`cannot use --format "${format}": want table, json or a template`);
  }
  const { compileTemplate, subject } = await import("./template.ts");
  const template = compileTemplate(format);
  return (event) => template.render(subject({ value: event, fields: fieldsOf(event) }));
}

/** `2026-01-31T12:00:00.000Z container start 0a1b2c… (image=busybox, name=web)` */
function sentence({ time, type, action, id, name, attributes }: EngineEvent): string {
  const facts = Object.entries({ ...attributes, ...(name !== id && { name }) })
    .map(([key, value]) => `${key}=${value}`).sort().join(", ");
  return `${time} ${type} ${action} ${id}${facts && ` (${facts})`}`.replace(
    /\p{Cc}/gu,
    "?",
  );
}

/** Docker's names. */
function fieldsOf({ time, type, action, id, name, attributes }: EngineEvent) {
  const ms = Date.parse(time);
  return {
    Type: type,
    Action: action,
    Status: action,
    ID: id,
    From: attributes.image ?? "",
    Actor: { ID: id, Attributes: { ...attributes, name } },
    Time: Math.floor(ms / 1000),
    TimeNano: ms * 1e6,
    Scope: "local",
  };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}
