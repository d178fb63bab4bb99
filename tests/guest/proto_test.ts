import { ok } from "node:assert/strict";
import { join } from "node:path";

Deno.test("the code generated from guest.proto is up to date", async () => {
  const script = join(import.meta.dirname!, "../../scripts/proto");
  const { success, stderr, stdout } = await new Deno.Command(script, { args: ["--check"] })
    .output();
  ok(success, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
});
