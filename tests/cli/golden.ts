import { assertEquals } from "./assert.ts";

/** Compares with a file of `testdata/`. `UPDATE_GOLDENS=1` writes it instead. */
export async function assertGolden(actual: string, name: string): Promise<void> {
  const path = new URL(`testdata/${name}`, import.meta.url);
  if (Deno.env.get("UPDATE_GOLDENS")) {
    await Deno.mkdir(new URL(".", path), { recursive: true });
    await Deno.writeTextFile(path, actual);
    return;
  }
  assertEquals(actual, await Deno.readTextFile(path), `testdata/${name}`);
}
