import type { EngineEvent } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { eventFilter } from "./event_filter.ts";
import type { EventLog } from "./event_log.ts";
import { type Call, type Route, route } from "./router.ts";

/** A client that reads more slowly than this much waits for is cut off. */
const MOST_WAITING = 10_000;
/** A timer cannot wait longer. */
const LONGEST_MS = 2 ** 31 - 1;

/** `/events`. */
export function eventRoutes(events: EventLog): Route[] {
  return [route("GET /events", (call) => sendEvents(call, events))];
}

async function sendEvents(call: Call, events: EventLog): Promise<void> {
  const wanted = eventFilter(call.query.getAll("filter"));
  const now = Date.now();
  const sinceMs = moment(call, "since");
  const untilMs = moment(call, "until") ?? Infinity;
  const { gone } = call;
  const queue: EngineEvent[] = [];
  let wake = Promise.withResolvers<void>();
  const stop = events.follow((event) => { // before the past is read: nothing is missed in between
    if (queue.length < MOST_WAITING) queue.push(event);
    wake.resolve();
  });
  const timer = untilMs === Infinity
    ? undefined
    : setTimeout(() => wake.resolve(), Math.min(Math.max(untilMs - now, 0), LONGEST_MS));
  gone.addEventListener("abort", () => wake.resolve(), { once: true });
  try {
    call.response.writeHead(200, { "content-type": "application/x-ndjson" });
    call.response.flushHeaders();
    const past = sinceMs === undefined ? [] : events.between(sinceMs, Math.min(untilMs, now));
    for (const event of past) await send(call, event, wanted);
    const follows = call.flag("follow") && untilMs > now;
    while (follows && !gone.aborted) {
      await wake.promise;
      wake = Promise.withResolvers();
      const full = queue.length >= MOST_WAITING;
      for (const event of queue.splice(0)) await send(call, event, wanted);
      if (full || Date.now() >= untilMs) break;
    }
  } finally {
    stop();
    clearTimeout(timer);
  }
  call.response.end();
}

async function send(call: Call, event: EngineEvent, wanted: (event: EngineEvent) => boolean) {
  if (wanted(event)) await call.write(`${JSON.stringify(event)}\n`);
}

function moment(call: Call, name: string): number | undefined {
  const text = call.query.get(name);
  if (!text) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new CtrError("usage", `cannot read events: ${name} "${text}" is no time`);
}
