import { assert, assertEquals, assertMatch } from "../cli/assert.ts";
import type { Chapter, World } from "./row.ts";

/** A container of its own that sleeps until it is told to end. */
async function sleeper(t: World, ...flags: string[]): Promise<string> {
  const name = t.name("life");
  const trap = "trap 'exit 0' TERM; while :; do sleep 0.1; done";
  await t.ok(["run", "-d", "--name", name, ...flags, t.image, "sh", "-c", trap]);
  return name;
}

async function state(t: World, name: string): Promise<string> {
  const [container] = JSON.parse(await t.ok(["inspect", name]));
  return container.status.state;
}

/** Commands of a container's life: §2. */
export const LIFE: Chapter = {
  title: "Containers: commands",
  rows: [
    {
      name: "create, start",
      what: "makes without starting; start runs it, and a running one is no error",
      check: async (t) => {
        const name = t.name();
        const id = (await t.ok(["create", "--name", name, t.image, "sleep", "60"])).trim();
        assertMatch(id, /^[0-9a-f]{64}$/);
        assertEquals(await state(t, name), "created");
        await t.ok(["start", name]);
        await t.ok(["start", name]);
        assertEquals(await state(t, name), "running");
        await t.ok(["rm", "-f", name]);
      },
    },
    {
      name: "start -a",
      what: "attaches and ends with the process's status",
      check: async (t) => {
        const name = t.name();
        await t.ok(["create", "--name", name, t.image, "sh", "-c", "echo out; exit 4"]);
        const { status, stdout } = await t.ctr(["start", "-a", name]);
        assertEquals([status, stdout], [4, "out\n"]);
      },
    },
    {
      name: "stop",
      what: "asks by the stop signal, kills after -t; a stopped one is no error",
      apple: "after 5 s",
      docker: "after 10 s",
      check: async (t) => {
        const name = await sleeper(t);
        assertEquals(await t.ok(["stop", name]), `${name}\n`);
        assertEquals(await t.ok(["stop", name]), `${name}\n`);
        assertEquals(await state(t, name), "exited");
      },
    },
    {
      name: "kill -s",
      what: "sends a signal, KILL otherwise",
      check: async (t) => {
        const name = await sleeper(t);
        await t.ok(["kill", name]);
        assertEquals(await t.ok(["wait", name]), "137\n");
        await t.fails(["kill", name], 1);
      },
    },
    {
      name: "rm, rm -f",
      what: "removes; a running one is refused without -f",
      check: async (t) => {
        const name = await sleeper(t);
        assertMatch(await t.fails(["rm", name], 1), /running/);
        assertEquals(await t.ok(["rm", "-f", name]), `${name}\n`);
        await t.fails(["inspect", name], 1);
      },
    },
    {
      name: "many targets",
      what: "one that fails does not keep the others from it; the status is 1 then",
      check: async (t) => {
        const name = t.name();
        await t.ok(["create", "--name", name, t.image, "true"]);
        const { status, stdout } = await t.ctr(["rm", "nothing", name]);
        assertEquals([status, stdout], [1, `${name}\n`]);
      },
    },
    {
      name: "IDs together with --all",
      what: "are refused",
      docker: "no --all",
      check: async (t) => assertMatch(await t.fails(["stop", "--all", "x"], 2), /--all/),
    },
    {
      name: "restart",
      what: "stops it and starts it again",
      apple: "no",
      check: async (t) => {
        const name = await sleeper(t);
        const started = async () => JSON.parse(await t.ok(["inspect", name]))[0].status.startedAt;
        const before = await started();
        await t.ok(["restart", name]);
        assert(await started() !== before, "it was not started again");
        await t.ok(["rm", "-f", name]);
      },
    },
    {
      name: "pause, unpause",
      what: "stops its processes where they are",
      apple: "no",
      check: async (t) => {
        const name = await sleeper(t);
        await t.ok(["pause", name]);
        assertEquals(await state(t, name), "paused");
        await t.fails(["exec", name, "true"], 125);
        await t.ok(["unpause", name]);
        assertEquals(await t.ok(["exec", name, "echo", "on"]), "on\n");
        await t.ok(["rm", "-f", name]);
      },
    },
    {
      name: "rename",
      what: "gives it another name, also while it runs",
      apple: "no",
      check: async (t) => {
        const name = await sleeper(t);
        await t.ok(["rename", name, `${name}-new`]);
        assertEquals(await state(t, `${name}-new`), "running");
        await t.ok(["rm", "-f", `${name}-new`]);
      },
    },
    {
      name: "update -m",
      what: "limits a running container's memory at once",
      apple: "no",
      check: async (t) => {
        const name = await sleeper(t, "-m", "256M");
        await t.ok(["update", "-m", "128M", name]);
        const limit = await t.ok(["exec", name, "cat", "/sys/fs/cgroup/memory.max"]);
        assertEquals(limit, `${128 * 1048576}\n`);
        await t.ok(["rm", "-f", name]);
      },
    },
    {
      name: "--restart on-failure:N",
      what: "starts it again when it fails, N times, slower each time",
      apple: "no",
      check: async (t) => {
        const name = t.name();
        const flags = ["--name", name, "--restart", "on-failure:1"];
        await t.ok(["run", "-d", ...flags, t.image, "sh", "-c", "echo tried; exit 5"]);
        await t.ok(["wait", "--for", "stopped", "--timeout", "60s", name]);
        for (let tries = 0; tries < 100 && await state(t, name) !== "exited"; tries++);
        assertEquals(await t.ok(["logs", name]), "tried\ntried\n");
      },
    },
    {
      name: "--health-cmd, wait --for healthy",
      what: "watches its health; shown in ls and inspect",
      apple: "no",
      docker: "no wait --for",
      check: async (t) => {
        const name = await sleeper(t, "--health-cmd", "true", "--health-interval", "200ms");
        await t.ok(["wait", "--for", "healthy", "--timeout", "60s", name]);
        const [{ status }] = JSON.parse(await t.ok(["inspect", name]));
        assertEquals(status.health.state, "healthy");
        assertMatch(await t.ok(["ls"]), new RegExp(`${name}.*healthy`));
        await t.ok(["rm", "-f", name]);
      },
    },
    {
      name: "exit reason",
      what: "status, signal or memory, start and end are kept and shown",
      apple: "not recorded",
      check: async (t) => {
        const name = t.name();
        await t.ctr(["run", "--name", name, t.image, "sh", "-c", "exit 3"]);
        const [{ status }] = JSON.parse(await t.ok(["inspect", name]));
        assertEquals([status.exit.status, status.exit.reason], [3, "exited"]);
        assert(Date.parse(status.exit.finishedAt) >= Date.parse(status.startedAt));
      },
    },
    {
      name: "out of memory",
      what: "the last line says what was killed and which flag raises the limit",
      apple: "nothing is said",
      docker: "in inspect",
      check: async (t) => {
        const eat = "head -c 400m /dev/zero | tail";
        const args = ["run", "--rm", "-m", "200M", t.image, "sh", "-c", eat];
        const { status, stderr } = await t.ctr(args);
        assertEquals(status, 137);
        assertMatch(stderr, /tail.*memory[^]*--memory/);
      },
    },
    {
      name: "logs",
      what: "streams apart, -n, --since, --timestamps; kept across starts",
      apple: "one stream, emptied at each start, no times",
      check: async (t) => {
        const name = t.name();
        const command = "echo one; echo two; echo err >&2";
        await t.ok(["run", "--name", name, t.image, "sh", "-c", command]);
        const { stdout, stderr } = await t.ctr(["logs", name]);
        assertEquals([stdout, stderr], ["one\ntwo\n", "err\n"]);
        const last = await t.ctr(["logs", "-n", "1", name]);
        assertEquals(`${last.stdout}${last.stderr}`.split("\n").length, 2);
        assertMatch(await t.ok(["logs", "-t", name]), /^\d{4}-\d\d-\d\dT[^ ]+ one\n/);
      },
    },
    {
      name: "logs --boot",
      what: "prints what the guest's kernel and init said",
      docker: "no",
      check: async (t) => {
        const name = t.name();
        await t.ok(["run", "--name", name, t.image, "true"]);
        await t.ok(["logs", "--boot", name]);
      },
    },
    {
      name: "top",
      what: "lists its processes",
      apple: "no",
      check: async (t) => assertMatch(await t.ok(["top", await t.shared()]), /^UID +PID[^]*sleep/),
    },
    {
      name: "stats --no-stream",
      what: "processor, memory, network, disk, processes",
      ctr: "yes, and what the VM costs the host",
      check: async (t) => {
        await t.shared();
        const all = JSON.parse(await t.ok(["stats", "--no-stream", "--format", "json"]));
        const [own] = all.filter(({ name }: { name: string }) => name === "shared");
        assert(own.hostFootprintBytes > 10e6 && own.numProcesses >= 1);
      },
    },
    {
      name: "ls",
      what: "lists those that run; -a all, -q IDs, --filter, --last",
      check: async (t) => {
        await t.shared();
        assertMatch(await t.ok(["ls"]), /^ID +NAME +IMAGE/);
        assertEquals((await t.ok(["ls", "-q", "--filter", "name=shared"])).trim().length, 12);
        assertEquals((await t.ok(["ls", "-aq", "-n", "1"])).trim().split("\n").length, 1);
      },
    },
    {
      name: "--format json|yaml|toml",
      what: "prints lists for programs; json is one line",
      docker: "json, one object a line",
      check: async (t) => {
        await t.shared();
        assertEquals((await t.ok(["ls", "--format", "json"])).trim().split("\n").length, 1);
        assertMatch(await t.ok(["ls", "--format", "yaml"]), /^- /);
        assertMatch(await t.ok(["ls", "--format", "toml"]), /^\[\[items\]\]/m);
      },
    },
    {
      name: "--format '{{…}}'",
      what: "prints what a template says",
      apple: "no",
      check: async (t) => {
        await t.shared();
        const args = ["ls", "--filter", "name=shared", "--format", "{{.Names}} {{.Image}}"];
        assertMatch(await t.ok(args), /^shared \S*busybox/);
      },
    },
    {
      name: "inspect",
      what: "prints an indented JSON array; a missing one is an error",
      check: async (t) => {
        assertEquals(JSON.parse(await t.ok(["inspect", await t.shared()])).length, 1);
        await t.fails(["inspect", "nothing"], 1);
      },
    },
    {
      name: "events",
      what: "tells what happens to containers, images, volumes",
      apple: "no",
      check: async (t) => {
        const name = t.name();
        const since = new Date(Date.now() - 1000).toISOString();
        await t.ok(["create", "--name", name, t.image, "true"]);
        await t.ok(["rm", name]);
        const until = new Date(Date.now() + 1000).toISOString();
        const filter = ["--filter", `container=${name}`];
        const text = await t.ok(["events", "--since", since, "--until", until, ...filter]);
        assertMatch(text, /create[^]*destroy/);
      },
    },
    {
      name: "prune",
      what: "removes those that do not run; IDs on standard output, what was won on the other",
      check: async (t) => {
        const name = t.name();
        await t.ok(["create", "--name", name, t.image, "true"]);
        const { stdout, stderr } = await t.ctr(["prune", "-f"]);
        assert(stdout.length > 0, "nothing was told");
        assertMatch(stderr, /Reclaimed .* in disk space/);
        await t.fails(["inspect", name], 1);
      },
    },
  ],
};
