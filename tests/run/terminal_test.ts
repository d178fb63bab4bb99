import { assertEquals, assertMatch } from "../cli/assert.ts";
import { onTerminal } from "../cli/pty.ts";
import { BUSYBOX, ctrHome, vmTest } from "./ctr_home.ts";

vmTest("run -it gives a terminal of our size, detaches, and attach comes back", async () => {
  await using home = await ctrHome();
  const args = ["run", "-it", "--name", "term", "--progress", "none", BUSYBOX, "sh"];
  const program = await home.command();
  const left = await onTerminal(home.path, args, [
    ["expect", "# "],
    ["send", "stty size\n"],
    ["expect", "24 80"],
    ["resize", 50, 132],
    ["send", "sleep 0.2; stty size\n"],
    ["expect", "50 132"],
    ["send", "\x10\x11"],
  ], program);
  assertEquals([left.status, left.missing, left.seen.includes("STAYED-RAW")], [
    0,
    undefined,
    false,
  ]);
  assertMatch(left.seen, /detached from term/);
  const back = await onTerminal(home.path, ["attach", "term"], [
    ["send", "echo he''re; exit 6\n"],
    ["expect", "here"],
  ], program);
  assertEquals([back.status, back.missing], [6, undefined]);
  assertEquals((await home.ctr(["rm", "term"])).status, 0);
});
