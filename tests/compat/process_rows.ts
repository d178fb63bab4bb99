import { assertEquals, assertMatch } from "../cli/assert.ts";
import type { Chapter } from "./row.ts";

/** Flags of a process: §1 "Process". */
export const PROCESS: Chapter = {
  title: "Processes: `run`, `create`, `exec`",
  rows: [
    {
      name: "-e NAME=VALUE",
      what: "sets a variable; the later one wins",
      check: async (t) =>
        assertEquals(await t.run(["-e", "A=1", "-e", "A=two words"], 'echo "$A"'), "two words\n"),
    },
    {
      name: "-e NAME",
      what: "takes the caller's variable over; one that is not set is skipped",
      check: async (t) => {
        const flags = ["-e", "FROM_HERE", "-e", "NOT_SET_ANYWHERE"];
        const env = { FROM_HERE: "yes" };
        const text = await t.run(flags, 'echo "$FROM_HERE ${NOT_SET_ANYWHERE-unset}"', { env });
        assertEquals(text, "yes unset\n");
      },
    },
    {
      name: "--env-file",
      what: "reads lines; comments and blank lines are skipped, flags win",
      check: async (t) => {
        const file = `${t.home.path}/vars.env`;
        await Deno.writeTextFile(file, "# a comment\n\n  A=file\nB=file\n");
        const text = await t.run(["--env-file", file, "-e", "B=flag"], 'echo "$A $B"');
        assertEquals(text, "file flag\n");
      },
    },
    {
      name: "-w DIR, --cwd DIR",
      what: "works there; a missing folder is made",
      check: async (t) => {
        assertEquals(await t.run(["-w", "/made/for/it"], "pwd"), "/made/for/it\n");
        assertEquals(await t.run(["--cwd", "/tmp"], "pwd"), "/tmp\n");
      },
    },
    {
      name: "-u NAME, -u UID:GID",
      what: "runs as that user, resolved in the container's root",
      check: async (t) => {
        assertEquals(await t.run(["-u", "1234:77"], "id -u; id -g"), "1234\n77\n");
        assertMatch(await t.run(["-u", "root"], "id -un"), /^root\n$/);
      },
    },
    {
      name: "--uid N, --gid N",
      what: "set the numbers; a --gid alone is a further group",
      docker: "no",
      check: async (t) => {
        assertEquals(await t.run(["--uid", "5"], "id -u"), "5\n");
        assertMatch(await t.run(["--gid", "66"], "id -G"), /\b66\b/);
      },
    },
    {
      name: "--group-add",
      what: "adds a group by name or number",
      apple: "no",
      check: async (t) =>
        assertMatch(await t.run(["-u", "1000", "--group-add", "4321"], "id -G"), /\b4321\b/),
    },
    {
      name: "-i",
      what: "keeps standard input open; without it there is none",
      check: async (t) => {
        const args = ["run", "--rm", "-i", t.image, "cat"];
        assertEquals(await t.ok(args, { stdin: "through\n" }), "through\n");
        assertEquals(await t.run([], "cat"), "");
      },
    },
    {
      name: "-t",
      what: "gives the process a terminal, whose output is one stream",
      check: async (t) => assertMatch(await t.run(["-t"], "tty"), /^\/dev\/pts\/\d+\r\n$/),
    },
    {
      name: "--ulimit nofile=SOFT:HARD",
      what: "sets a limit; a wrong type or soft above hard is refused",
      check: async (t) => {
        const limits = "ulimit -Sn; ulimit -Hn";
        assertEquals(await t.run(["--ulimit", "nofile=100:200"], limits), "100\n200\n");
        await t.fails(["run", "--rm", "--ulimit", "nofile=9:5", t.image, "true"], 125);
        await t.fails(["run", "--rm", "--ulimit", "nothing=9", t.image, "true"], 125);
      },
    },
    {
      name: "--entrypoint",
      what: "replaces the image's entrypoint and drops its command",
      check: async (t) => {
        const args = ["run", "--rm", "--entrypoint", "echo", t.image, "said"];
        assertEquals(await t.ok(args), "said\n");
      },
    },
    {
      name: "arguments behind the image",
      what: "go through untouched, -- and flags among them",
      check: async (t) => {
        const args = ["run", "--rm", t.image, "echo", "--", "-v", "--rm"];
        assertEquals(await t.ok(args), "-- -v --rm\n");
      },
    },
    {
      name: "exit status",
      what: "is the process's own; 128 + N for a signal, 126 and 127 for what cannot be started",
      docker: "yes",
      apple: "1 for what cannot be started",
      check: async (t) => {
        const status = async (...args: string[]) =>
          (await t.ctr(["run", "--rm", "--init", t.image, ...args])).status;
        assertEquals(await status("sh", "-c", "exit 7"), 7);
        assertEquals(await status("sh", "-c", "kill -9 $$"), 137);
        assertEquals(await status("/etc"), 126);
        assertEquals(await status("/no/such/program"), 127);
      },
    },
    {
      name: "exec: inheritance",
      what: "environment, folder and user of the first process, then the flags",
      check: async (t) => {
        const id = await t.shared();
        const text = await t.ok([
          "exec",
          "-e",
          "MORE=1",
          id,
          "sh",
          "-c",
          'echo "$FROM $MORE"; pwd',
        ]);
        assertEquals(text, "init 1\n/\n");
        assertEquals(
          await t.ok(["exec", "-u", "99", "-w", "/tmp", id, "sh", "-c", "id -u; pwd"]),
          "99\n/tmp\n",
        );
      },
    },
    {
      name: "exec -d",
      what: "returns at once",
      docker: "prints nothing",
      check: async (t) => {
        const id = await t.shared();
        await t.ok(["exec", "-d", id, "sh", "-c", "echo done > /tmp/detached"]);
        for (let tries = 0; tries < 100; tries++) {
          const { stdout } = await t.ctr(["exec", id, "cat", "/tmp/detached"]);
          if (stdout === "done\n") return;
        }
        throw new Error("the detached process did nothing");
      },
    },
    {
      name: "exec: exit status",
      what: "is the process's own, 126 and 127 as for run",
      check: async (t) => {
        const id = await t.shared();
        assertEquals((await t.ctr(["exec", id, "sh", "-c", "exit 9"])).status, 9);
        assertEquals((await t.ctr(["exec", id, "/no/such"])).status, 127);
      },
    },
    {
      name: "exec in a stopped container",
      what: "is refused with a sentence",
      check: async (t) => {
        const name = t.name();
        await t.ok(["create", "--name", name, t.image, "true"]);
        assertMatch(await t.fails(["exec", name, "true"], 125), /not running/);
      },
    },
  ],
};
