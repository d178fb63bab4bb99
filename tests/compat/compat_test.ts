import { assertEquals } from "../cli/assert.ts";
import { ctrHome, vmTest } from "../run/ctr_home.ts";
import { CHAPTERS } from "./chapters.ts";
import { type Row, World } from "./row.ts";
import { compatibilityPage } from "./table.ts";

const PAGE = new URL("../../docs/compatibility.md", import.meta.url);

vmTest("each row of the reference behaves as docs/compatibility.md says", async (t) => {
  await using home = await ctrHome();
  const world = new World(home);
  await world.ok(["image", "pull", "--progress", "none", world.image]);
  const seen = new Set<Row>();
  for (const { title, rows } of CHAPTERS) {
    for (const row of rows) {
      await t.step(`${title}: ${row.name}: ${row.what}`, async () => {
        await row.check(world);
        seen.add(row);
      });
    }
  }
  await world.ctr(["rm", "-f", "--all"]);
  const page = compatibilityPage(CHAPTERS, (row) => seen.has(row));
  if (Deno.env.get("CTR_WRITE_COMPATIBILITY")) await Deno.writeTextFile(PAGE, page);
  await t.step("docs/compatibility.md is what was seen (deno task compat writes it)", async () => {
    assertEquals(await Deno.readTextFile(PAGE), page);
  });
});
