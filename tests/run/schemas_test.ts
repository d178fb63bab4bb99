import { assertEquals } from "../cli/assert.ts";
import { problems } from "../schemas/validate.ts";
import { BUSYBOX, ctrHome, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];

/** Commands that print JSON, and the schema that is published for it. */
const PRINTED: readonly (readonly [command: string, schema: string])[] = [
  ["ls -a --format json", "containers"],
  ["ls -a -s --format json", "containers"],
  ["inspect up ended", "containers"],
  ["image ls --format json", "images"],
  [`image inspect ${BUSYBOX}`, "images"],
  [`image history ${BUSYBOX} --format json`, "image-history"],
  ["volume ls --format json", "volumes"],
  ["volume inspect data", "volumes"],
  ["diff ended --format json", "changes"],
  ["stats --format json", "stats"],
  ["top up --format json", "top"],
  ["builder du --format json", "builder-cache"],
  ["builder status --format json", "builder-status"],
  ["registry ls --format json", "logins"],
  ["system status --format json", "system-status"],
  ["system df --format json", "system-df"],
  ["system version --format json", "system-version"],
  ["version --format json", "version"],
];

vmTest("what commands print as JSON fits the published schemas", async (t) => {
  await using home = await ctrHome();
  const run = async (...args: string[]) => {
    const result = await home.ctr(args);
    assertEquals([result.status, result.stderr], [0, ""], args.join(" "));
    return result.stdout;
  };
  await run("volume", "create", "data");
  const probe = ["--health-cmd", "true", "--health-interval", "200ms", "--restart", "on-failure:2"];
  await run(
    "run",
    "-d",
    "--name",
    "up",
    ...QUIET,
    ...probe,
    "-v",
    "data:/data",
    BUSYBOX,
    "sleep",
    "600",
  );
  await home.ctr(["run", "--name", "ended", ...QUIET, BUSYBOX, "sh", "-c", "touch /new; exit 3"]);
  for (const [command, schema] of PRINTED) {
    await t.step(command.replace(BUSYBOX, "busybox"), async () => {
      const { status, stdout, stderr } = await home.ctr(command.split(" "));
      assertEquals([status, stderr], [0, ""]);
      assertEquals(await problems(schema, JSON.parse(stdout)), "");
    });
  }
  await t.step("events", async () => {
    const now = String(Date.now() / 1000);
    const lines = (await run("events", "--since", "10m", "--until", now, "--format", "json"))
      .trim().split("\n");
    for (const line of lines) assertEquals(await problems("event", JSON.parse(line)), "");
  });
  assertEquals((await home.ctr(["rm", "-f", "up", "ended"])).status, 0);
});

vmTest("progress as JSON fits its schema", async () => {
  await using home = await ctrHome();
  const { stderr } = await home.ctr(["pull", "--progress", "json", BUSYBOX], { allNotes: true });
  const lines = stderr.trim().split("\n");
  for (const line of lines) assertEquals(await problems("progress", JSON.parse(line)), "");
});
