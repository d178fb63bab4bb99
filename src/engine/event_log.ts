import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { EngineEvent, Events, NewEvent } from "../api/mod.ts";
import type { Log } from "../core/mod.ts";

/** What is kept: the newest. */
const MOST_EVENTS = 10_000;
/** Old ones go in heaps, not one by one. */
const SWEEP_EVERY = 500;
/** Attributes are labels of users and of images: no event needs more. */
const MOST_ATTRIBUTE_BYTES = 64 * 1024;

export interface EventLogOptions {
  /** A connection of its own, whose writes need not reach the disk at once: a killed engine loses none. */
  readonly db: DatabaseSync;
  readonly log: Log;
  readonly most?: number;
}

/** What has happened in a home, newest last, and who wants to be told of what happens next. */
export class EventLog implements Events {
  readonly #options: EventLogOptions;
  readonly #insert: StatementSync;
  readonly #followers = new Set<(event: EngineEvent) => void>();
  #sinceSweep = 0;

  constructor(options: EventLogOptions) {
    this.#options = options;
    options.db.exec(
      `CREATE TABLE IF NOT EXISTS events (
         seq     INTEGER PRIMARY KEY,
         time_ms INTEGER NOT NULL,
         event   TEXT NOT NULL
       ) STRICT`,
    );
    this.#insert = options.db.prepare("INSERT INTO events (time_ms, event) VALUES (?, ?)");
    this.#sweep();
  }

  emit(event: NewEvent): void {
    const now = new Date();
    const told: EngineEvent = {
      time: now.toISOString(),
      ...event,
      attributes: bounded(event.attributes ?? {}),
    };
    try {
      this.#insert.run(now.getTime(), JSON.stringify(told));
      if (++this.#sinceSweep >= SWEEP_EVERY) this.#sweep();
    } catch (error) { // what has happened has happened, on a full disk too
      this.#options.log.error("record an event", { error });
    }
    for (const follower of this.#followers) follower(told);
  }

  /** Those between two moments, both included, Unix milliseconds; oldest first. */
  *between(sinceMs: number, untilMs: number): Generator<EngineEvent> {
    const rows = this.#options.db.prepare(
      "SELECT event FROM events WHERE time_ms BETWEEN ? AND ? ORDER BY seq",
    );
    for (const { event } of rows.all(sinceMs, untilMs)) yield JSON.parse(event as string);
  }

  /** Calls `follower` with each event from now on. @returns Ends that. */
  follow(follower: (event: EngineEvent) => void): () => void {
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  #sweep(): void {
    this.#sinceSweep = 0;
    const most = this.#options.most ?? MOST_EVENTS;
    this.#options.db.prepare("DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?")
      .run(most);
  }
}

/** The last given are the facts of the action: they are kept before labels. */
function bounded(attributes: Readonly<Record<string, string>>): Record<string, string> {
  let room = MOST_ATTRIBUTE_BYTES;
  const kept = Object.entries(attributes).reverse().filter(([key, value]) => {
    room -= key.length + value.length;
    return room >= 0;
  });
  return Object.fromEntries(kept.reverse());
}
