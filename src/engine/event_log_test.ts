import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { EngineEvent } from "../api/mod.ts";
import { SILENT } from "../core/mod.ts";
import { eventFilter } from "./event_filter.ts";
import { EventLog } from "./event_log.ts";

function event(number: number, more: Partial<EngineEvent> = {}) {
  return { type: "container", action: "start", id: `id${number}`, name: `n${number}`, ...more };
}

Deno.test("events outlive the engine that told them, the newest ones", () => {
  const db = new DatabaseSync(":memory:");
  const log = new EventLog({ db, log: SILENT, most: 1000 });
  for (let number = 0; number < 1700; number++) log.emit(event(number));
  const kept = [...new EventLog({ db, log: SILENT, most: 1000 }).between(0, Infinity)];
  assert.equal(kept.length, 1000);
  assert.deepEqual([kept[0]!.id, kept.at(-1)!.id], ["id700", "id1699"]);
  assert.deepEqual([...log.between(0, Date.now() - 60_000)], []);
  db.close();
});

Deno.test("followers are told until they leave, on a full disk too", () => {
  const db = new DatabaseSync(":memory:");
  const log = new EventLog({ db, log: SILENT });
  const told: string[] = [];
  const leave = log.follow(({ id }) => told.push(id));
  log.emit(event(1));
  db.close(); // no write succeeds any more
  log.emit(event(2));
  leave();
  log.emit(event(3));
  assert.deepEqual(told, ["id1", "id2"]);
});

Deno.test("labels without end do not push out what an event is about", () => {
  const db = new DatabaseSync(":memory:");
  const log = new EventLog({ db, log: SILENT });
  const labels = Object.fromEntries(
    Array.from({ length: 100 }, (_, n) => [`l${n}`, "x".repeat(4096)]),
  );
  log.emit(event(1, { attributes: { ...labels, image: "busybox", exitCode: "3" } }));
  const [kept] = [...log.between(0, Infinity)];
  assert.deepEqual([kept!.attributes.image, kept!.attributes.exitCode], ["busybox", "3"]);
  assert(JSON.stringify(kept).length < 100_000);
  db.close();
});

Deno.test("filters of one key are alternatives, different keys all hold", () => {
  const of = (more: Partial<EngineEvent>): EngineEvent => ({
    time: "2026-01-01T00:00:00.000Z",
    type: "container",
    action: "die",
    id: "0123456789ab",
    name: "web",
    attributes: { image: "docker.io/library/busybox:1.36", tier: "front" },
    ...more,
  });
  const health = of({ action: "health_status", attributes: { health_status: "healthy" } });
  const passes: [string[], EngineEvent, boolean][] = [
    [[], of({}), true],
    [["event=start", "event=die"], of({}), true],
    [["event=die", "container=other"], of({}), false],
    [["container=web"], of({}), true],
    [["container=0123"], of({}), true],
    [["container=web"], of({ type: "volume" }), false],
    [["image=busybox"], of({}), true],
    [["image=busybox:1.36"], of({}), true],
    [["image=busybox:1.35"], of({}), false],
    [["image=busybox"], of({ type: "image", name: "docker.io/library/busybox:latest" }), true],
    [["label=tier"], of({}), true],
    [["label=tier=back"], of({}), false],
    [["type=volume"], of({}), false],
    [["event=health_status"], health, true],
    [["event=health_status: healthy"], health, true],
    [["event=health_status: unhealthy"], health, false],
  ];
  for (const [texts, subject, expected] of passes) {
    assert.equal(eventFilter(texts)(subject), expected, texts.join(" "));
  }
  assert.throws(() => eventFilter(["colour=red"]), /cannot use the filter "colour=red"/);
});
