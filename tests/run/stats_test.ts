import { deepStrictEqual as equal, match, ok } from "node:assert/strict";
import { BUSYBOX, ctrHome, vmTest } from "./ctr_home.ts";

vmTest("stats and top show what a container does", async (t) => {
  await using home = await ctrHome();
  const work = "sleep 300 & while :; do :; done";
  equal(
    (await home.ctr(["run", "-d", "--name", "busy", "-m", "256m", BUSYBOX, "sh", "-c", work]))
      .status,
    0,
  );
  equal((await home.ctr(["create", "--name", "idle", BUSYBOX, "true"])).status, 0);
  await t.step("stats as JSON: one sample, of those that run", async () => {
    const { status, stdout } = await home.ctr(["stats", "--format", "json"]);
    const [busy, ...others] = JSON.parse(stdout);
    equal([status, others, busy.name], [0, [], "busy"]);
    ok(busy.cpuPercent > 10, `cpuPercent ${busy.cpuPercent}`);
    equal([busy.memoryLimitBytes, busy.numProcesses], [256 << 20, 2]);
    ok(busy.hostFootprintBytes > busy.memoryWorkingSetBytes && busy.memoryWorkingSetBytes > 0);
    ok(busy.guestCacheBytes > 0 && busy.blockReadBytes > 0 && busy.cpuUsageUsec > 0);
  });
  await t.step("stats as a table, and as a template", async () => {
    const { stdout } = await home.ctr(["stats", "--no-stream"]);
    match(
      stdout,
      /^ID +NAME +CPU % +MEMORY \/ LIMIT +CACHE +HOST MEMORY +NET RX \/ TX +BLOCK R \/ W +PIDS\n/,
    );
    match(stdout.split("\n")[1]!, /^[0-9a-f]{12} +busy +\d+\.\d\d% .* 2$/);
    const template = await home.ctr(["stats", "busy", "--format", "{{.Name}} {{.PIDs}}"]);
    equal(template.stdout, "busy 2\n");
    equal((await home.ctr(["stats", "idle", "--format", "json"])).stdout, "[]\n");
    const { status, stderr } = await home.ctr(["stats", "none"]);
    equal(status, 1);
    match(stderr, /no such container|"none"/);
  });
  await t.step("top, in the columns of ps", async () => {
    const usual = (await home.ctr(["top", "busy"])).stdout.split("\n");
    match(usual[0]!, /^UID +PID +PPID +C +STIME +TTY +TIME +CMD$/);
    match(usual[1]!, /^root +1 +0 +\d+ +\d\d:\d\d +\? +00:0\d:\d\d +sh -c sleep 300/);
    equal(
      (await home.ctr(["top", "busy", "-o", "user,ppid,command"])).stdout.split("\n")[2],
      "root  1     sleep 300",
    );
    match((await home.ctr(["top", "busy", "aux"])).stdout, /^USER +PID +%CPU +%MEM/);
    match((await home.ctr(["top", "busy", "-eo", "pid,comm"])).stdout, /^PID +COMMAND\n1 +sh\n/);
    const [main] = JSON.parse((await home.ctr(["top", "busy", "--format", "json"])).stdout);
    equal([main.pid, main.user, main.uid], [1, "root", 0]);
    equal((await home.ctr(["top", "busy", "-o", "nonsense"])).status, 2);
    const { status, stderr } = await home.ctr(["top", "idle"]);
    equal(status, 1);
    match(stderr, /container "idle": it is not running/);
  });
  equal((await home.ctr(["rm", "-f", "busy", "idle"])).status, 0);
});
