import assert from "node:assert/strict";
import { pages } from "../../scripts/docs/pages.ts";

Deno.test("what of docs/ is written from the source is fresh: run deno task docs", async () => {
  const root = new URL("../../", import.meta.url);
  for (const [path, text] of pages()) {
    const written = await Deno.readTextFile(new URL(path, root)).catch(() => "");
    assert.ok(written === text, `${path} is stale`);
  }
});
