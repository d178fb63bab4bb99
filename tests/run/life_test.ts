import { assert, assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome, ctrHome, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];

interface Facts {
  readonly name: string;
  readonly status: {
    readonly state: string;
    readonly pid?: number;
    readonly health?: { readonly state: string; readonly probes: readonly { output: string }[] };
    readonly restart?: { readonly count: number };
    readonly exit?: { readonly reason: string; readonly detail?: string };
  };
}

async function inspect(home: CtrHome, name: string): Promise<Facts> {
  return JSON.parse((await home.ctr(["inspect", name])).stdout)[0];
}

async function until(home: CtrHome, name: string, fits: (facts: Facts) => boolean): Promise<Facts> {
  for (const end = performance.now() + 20_000;;) {
    const facts = await inspect(home, name);
    if (fits(facts)) return facts;
    assert(performance.now() < end, `not in time: ${JSON.stringify(facts.status)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function ok(home: CtrHome, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await home.ctr(args);
  assertEquals([status, stderr], [0, ""], args.join(" "));
  return stdout;
}

vmTest("a container's health, pause, name and memory, with an engine that is killed", async () => {
  await using home = await ctrHome();
  const events = await home.spawn(["events", "--format", "{{.Action}} {{.name}}"]);
  await ok(home, [
    ...["run", "-d", ...QUIET, "--name", "h", "-m", "256m"],
    ...["--health-cmd", "echo looking; test -f /ok", "--health-interval", "200ms"],
    ...["--health-retries", "1", BUSYBOX, "sh", "-c"],
    "trap 'exit 5' TERM; while :; do sleep 0.1; echo tick >> /ticks; done",
  ]);
  const ill = await until(home, "h", ({ status }) => status.health?.state === "unhealthy");
  assertEquals(ill.status.health!.probes[0]!.output, "looking\n");
  const late = await home.ctr(["wait", "--for", "healthy", "--timeout", "300ms", "h"]);
  assertEquals(late.status, 1);
  assertMatch(late.stderr, /timed out after 0\.3s: waiting for "h" to be healthy/);
  await ok(home, ["exec", "h", "touch", "/ok"]);
  assertEquals(await ok(home, ["wait", "--for", "healthy", "--timeout", "20s", "h"]), "h\n");

  await ok(home, ["pause", "h"]);
  assertMatch(
    (await home.ctr(["exec", "h", "true"])).stderr,
    /"h": it is paused\nhint: .*unpause h/,
  );
  Deno.kill(await home.enginePid(), "SIGKILL");
  assertEquals((await inspect(home, "h")).status.state, "paused");
  await ok(home, ["unpause", "h"]);

  assertEquals(await ok(home, ["rename", "h", "renamed"]), "renamed\n");
  await ok(home, ["update", "-m", "128m", "--pids-limit", "64", "renamed"]);
  const limits = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max";
  assertEquals(await ok(home, ["exec", "renamed", "sh", "-c", limits]), `${128 << 20}\n64\n`);
  assertEquals(await home.ctr(["update", "-m", "512m", "renamed"]), {
    status: 0,
    stdout: "renamed\n",
    stderr:
      "warning: renamed: --memory 512 MiB applies at the next start: the VM was booted with " +
      "256 MiB\n",
  });

  await ok(home, ["pause", "renamed"]);
  assertEquals(await ok(home, ["stop", "renamed"]), "renamed\n");
  assertEquals(await ok(home, ["wait", "renamed"]), "5\n");
  await ok(home, ["rm", "renamed"]);
  await ok(home, ["system", "stop"]);
  const told = new TextDecoder().decode((await events.output()).stdout).split("\n");
  const expected = ["create h", "start h", "health_status h", "pause h", "unpause h"];
  const after = ["rename renamed", "update renamed", "die renamed", "destroy renamed"];
  assertEquals([...expected, ...after].filter((line) => !told.includes(line)), []);
  assertEquals(
    told.filter((line) => /^(start|die|destroy) /.test(line)).length,
    3,
    told.join("; "),
  );
});

vmTest("containers with a restart policy return after everything was killed", async () => {
  await using home = await ctrHome();
  const make = (name: string, policy: string, ...command: string[]) =>
    ok(home, ["run", "-d", ...QUIET, "--name", name, "--restart", policy, BUSYBOX, ...command]);
  await make("always", "always", "sleep", "1000");
  await make("stopped", "unless-stopped", "sleep", "1000");
  await make("thrice", "on-failure:2", "sh", "-c", "exit 3");
  await ok(home, ["stop", "-t", "0", "stopped"]);
  const { status } = await until(home, "thrice", (facts) => facts.status.state === "exited");
  assertEquals(status.restart!.count, 2);

  let monitors = await home.monitors();
  while (monitors.length > 1) monitors = await home.monitors(); // an end is told before its VM is gone
  for (const pid of [await home.enginePid(), ...monitors]) Deno.kill(pid, "SIGKILL");
  const back = await until(home, "always", (facts) => facts.status.state === "running");
  assertEquals(back.status.restart!.count, 1);
  assert(!monitors.includes(back.status.pid!), "in a VM of its own");
  assertEquals((await inspect(home, "stopped")).status.state, "exited");

  await ok(home, ["stop", "-t", "0", "always"]);
  assertMatch((await home.ctr(["prune"])).stderr, /^Reclaimed \d.* in disk space\n$/);
  assertEquals(await home.litter(), []);
});
