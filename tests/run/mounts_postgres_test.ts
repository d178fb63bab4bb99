/** Debian's PostgreSQL, whose server refuses a data folder that is not its own, on a bind mount and on a volume. */
import { assert, assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome, ctrHome } from "./ctr_home.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** Making a database under emulation beside others takes a while. */
const UP_MS = 240_000;
const DATA = "/var/lib/postgresql/data";

const image = await find();

Deno.test({
  name: "PostgreSQL keeps its data on a bind mount and on a volume (image: scripts/postgres-image)",
  ignore: image === undefined,
  fn: async (t) => {
    if (!image) return;
    await using home = await ctrHome();
    const loaded = await home.ctr(["image", "load", "--progress", "none", "-i", image]);
    assertEquals(loaded.status, 0);
    const reference = loaded.stdout.trim().split("\n")[0]!;

    await t.step("a volume, which takes the owner that the image's folder has", async () => {
      await works(home, reference, ["-v", `data:${DATA}`]);
      await home.ctr(["stop", "-t", "60", "pg"]);
      await home.ctr(["start", "pg"]);
      assertEquals(await query(home, "select count(*) from t"), "1000");
      await home.ctr(["rm", "-f", "pg"]);
    });
    await t.step("a folder of the host that the container's root makes its own", async () => {
      const folder = `${home.path}/pgdata`;
      await Deno.mkdir(folder);
      const script = `chown postgres:postgres ${DATA} && chmod 700 ${DATA}`;
      const args = ["run", "--rm", "--user", "root", "-v", `${folder}:${DATA}`, reference];
      assertEquals((await home.ctr([...args, "sh", "-c", script])).status, 0);
      await works(home, reference, ["-v", `${folder}:${DATA}`]);
      assertMatch(await Deno.readTextFile(`${folder}/PG_VERSION`), /^\d+\n$/);
    });
  },
});

/** It makes a database and answers. */
async function works(home: CtrHome, reference: string, mounts: string[]): Promise<void> {
  const { stdout } = await home.ctr([
    "run",
    "-d",
    "--name",
    "pg",
    "-m",
    "512m",
    ...mounts,
    reference,
  ]);
  assert(stdout !== "");
  await query(home, "create table t as select generate_series(1, 1000) as n");
  assertEquals(await query(home, "select sum(n) from t"), "500500");
}

/** As soon as it is up. */
async function query(home: CtrHome, sql: string): Promise<string> {
  for (const end = performance.now() + UP_MS;;) {
    const { status, stdout, stderr } = await home.ctr([
      ...["exec", "pg", "psql", "-h", "/tmp", "-d", "postgres", "-Atqc", sql],
    ]);
    if (status === 0) return stdout.trim();
    if (performance.now() > end || !/No such file|starting up|refused/.test(stderr)) {
      throw new Error(`${stderr}\n${(await home.ctr(["logs", "pg"])).stderr}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 500)); // nothing tells when a server is up
  }
}

async function find(): Promise<string | undefined> {
  if (BUSYBOX === "") return undefined;
  const { success, stdout } = await new Deno.Command(`${ROOT}scripts/postgres-image`, {
    args: ["--find"],
    stderr: "null",
  }).output();
  return success ? new TextDecoder().decode(stdout).trim() : undefined;
}
