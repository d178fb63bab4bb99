import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { isCtrError } from "./errors.ts";
import { migrate } from "./migrate.ts";

const FIRST = "CREATE TABLE a (x TEXT) STRICT; INSERT INTO a VALUES ('kept')";
const SECOND = "ALTER TABLE a ADD COLUMN y TEXT DEFAULT 'new'";

Deno.test("migrate()", async (t) => {
  await t.step("takes tables from the version that they have to the newest", () => {
    using db = new DatabaseSync(":memory:");
    migrate(db, "a", [FIRST]);
    migrate(db, "a", [FIRST, SECOND]);
    migrate(db, "a", [FIRST, SECOND]);
    assert.deepEqual({ ...db.prepare("SELECT * FROM a").get() }, { x: "kept", y: "new" });
  });
  await t.step("counts each domain's versions alone", () => {
    using db = new DatabaseSync(":memory:");
    migrate(db, "a", [FIRST, SECOND]);
    migrate(db, "b", ["CREATE TABLE b (x TEXT) STRICT"]);
    assert.equal(db.prepare("SELECT count(*) AS n FROM b").get()?.n, 0);
  });
  await t.step("refuses what a newer version has written", () => {
    using db = new DatabaseSync(":memory:");
    migrate(db, "a", [FIRST, SECOND]);
    assert.throws(
      () => migrate(db, "a", [FIRST]),
      (error) => isCtrError(error) && error.code === "unsupported",
    );
  });
  await t.step("leaves everything as it was when a step fails", () => {
    using db = new DatabaseSync(":memory:");
    migrate(db, "a", [FIRST]);
    assert.throws(() => migrate(db, "a", [FIRST, SECOND, "no SQL"]));
    migrate(db, "a", [FIRST, SECOND]);
    assert.equal(db.prepare("SELECT y FROM a").get()?.y, "new");
  });
});
