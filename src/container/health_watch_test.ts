import assert from "node:assert/strict";
import { PROGRAMS } from "./fake_guest.ts";
import { Home, started, until } from "./fake_home.ts";

const HEALTH = { intervalMs: 20, timeoutMs: 200, retries: 2 };

Deno.test("health is found out by probes, and told when it turns", async () => {
  await using home = await Home.make();
  const answers = { status: 0 };
  home.programs = {
    ...PROGRAMS,
    "/bin/sh": (process, [, line]) => {
      process.print(`${line} says ${answers.status}\n`);
      process.exit(answers.status);
    },
  };
  let containers = await home.open();
  const { id } = (await started(containers, ["sleep"], {
    health: { ...HEALTH, test: ["CMD-SHELL", "probe"] },
  })).record.config;
  const health = async () => (await containers.get(id).describe()).status.health!;
  assert.equal((await health()).state, "starting");
  await containers.get(id).waitFor({ for: "healthy", timeoutMs: 5000 });
  await until("five probes", () => home.guests.get(id)!.entries.size === 1);
  answers.status = 9;
  await until("a turn", () => home.events.at(-1)?.attributes?.health_status === "unhealthy");
  await new Promise((resolve) => setTimeout(resolve, 150));
  const { state, failingStreak, probes } = await health();
  assert.equal(state, "unhealthy");
  assert(failingStreak >= 2);
  assert.equal(probes.length, 5);
  assert.equal(probes.at(-1)!.exitStatus, 9);
  assert.equal(probes.at(-1)!.output, "probe says 9\n");
  containers.release();
  containers = await home.open();
  assert.equal((await health()).state, "unhealthy", "the next engine goes on from there");
  answers.status = 0;
  await containers.get(id).waitFor({ for: "healthy", timeoutMs: 5000 });
  await containers.get(id).remove(true);
});

Deno.test("a probe that hangs is killed, one that prints for ever is read no further", async () => {
  await using home = await Home.make();
  home.programs = {
    ...PROGRAMS,
    hang: (process) => process.print("x".repeat(10_000)),
  };
  const containers = await home.open();
  const container = await started(containers, ["sleep"], {
    health: { intervalMs: 10, timeoutMs: 30, retries: 1, test: ["CMD", "hang"] },
  });
  const id = container.record.config.id;
  await until("a turn", () => home.events.at(-1)?.attributes?.health_status === "unhealthy");
  const [probe] = (await container.describe()).status.health!.probes;
  assert.equal(probe!.exitStatus, 124);
  assert(probe!.output.length <= 4096);
  assert.match(probe!.output, /it took longer than 0.03s$/);
  assert(home.guests.get(id)!.entries.size <= 2, "probes do not pile up");
  await container.stop();
  await container.remove(false);
});

Deno.test("no probe while it is paused; failures do not count while it starts", async () => {
  await using home = await Home.make();
  let probes = 0;
  home.programs = {
    ...PROGRAMS,
    fail: (process) => {
      probes++;
      process.exit(1);
    },
  };
  const containers = await home.open();
  const container = await started(containers, ["sleep"], {
    health: {
      intervalMs: 10,
      startIntervalMs: 10,
      startPeriodMs: 60_000,
      retries: 1,
      test: ["CMD", "fail"],
    },
  });
  await until("some probes", () => probes > 3);
  assert.equal((await container.describe()).status.health!.state, "starting");
  await container.pause();
  const before = probes;
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(probes, before);
  await container.unpause();
  await until("more probes", () => probes > before);
  await container.remove(true);
});

Deno.test("a health check whose program is missing fails with the shell's status", async () => {
  await using home = await Home.make();
  home.image = {
    ...home.image,
    config: { config: { Cmd: ["sleep"], Healthcheck: { Test: ["CMD", "nope"], Interval: 1e7 } } },
  } as unknown as typeof home.image;
  const containers = await home.open();
  const container = await started(containers, ["sleep"]);
  await until("a probe", () => (container.record.health?.probes.length ?? 0) > 0);
  assert.match(container.record.health!.probes[0]!.output, /no such program/);
  assert.notEqual(container.record.health!.probes[0]!.exitStatus, 0);
  await container.remove(true);
});
