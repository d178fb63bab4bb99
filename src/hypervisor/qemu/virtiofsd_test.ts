import assert from "node:assert/strict";
import { dialectFromHelp, virtiofsdArguments } from "./virtiofsd.ts";

Deno.test("virtiofsd", async (t) => {
  await t.step("is known by its help: both count their versions from 1 to 10", () => {
    assert.equal(dialectFromHelp("    -o source=PATH             shared directory tree"), "c");
    assert.equal(dialectFromHelp("      --shared-dir <SHARED_DIR>"), "rust");
    assert.equal(dialectFromHelp("Usage: something else"), undefined);
  });
  await t.step("gets a folder in the words of its own", () => {
    const served = { socket: "share0.sock", root: "/a,b/share0" };
    assert(virtiofsdArguments("c", served).includes("source=/a\\,b/share0"));
    assert(virtiofsdArguments("rust", served).includes("--shared-dir=/a,b/share0"));
    for (const dialect of ["c", "rust"] as const) {
      const line = virtiofsdArguments(dialect, served).join(" ");
      assert.match(line, /--socket-path=share0\.sock/);
      assert.match(line, /sandbox=namespace/);
    }
  });
});
