import { deepStrictEqual as equal, match, ok, rejects } from "node:assert/strict";
import { isCtrError } from "../../src/core/mod.ts";
import type { GuestClient, ProcessSpec } from "../../src/guest/mod.ts";
import { CAPABILITIES, collect, container, probeLayer, type Result, TestVm } from "./vm.ts";

let ids = 0;

/** Runs the probe in the container and returns what it wrote and how it ended. */
async function run(
  guest: GuestClient,
  args: string[],
  more: Partial<ProcessSpec> = {},
): Promise<Result> {
  const id = `p${++ids}`;
  await guest.startProcess("c1", { id, args, security: { capabilities: CAPABILITIES }, ...more });
  const result = await collect(guest, id);
  await guest.forget(id);
  return result;
}

async function out(
  guest: GuestClient,
  args: string[],
  more: Partial<ProcessSpec> = {},
): Promise<string> {
  return (await run(guest, args, more)).out.trimEnd();
}

Deno.test("a process in a guest", { sanitizeOps: false, sanitizeResources: false }, async (t) => {
  const folder = await Deno.makeTempDir();
  const layer = await probeLayer(folder, "x86_64");
  await using vm = await TestVm.start(folder, {
    disks: [{ path: layer, serial: "layer0", readonly: true }],
    nic: "02:00:00:00:00:01",
  });
  const guest = await vm.connect();
  const started = await guest.startContainer(container(["probe", "trap"], {
    network: {
      interfaces: [{
        mac: "02:00:00:00:00:01",
        name: "eth0",
        addresses: ["10.0.2.15/24", "fd00::15/64"],
        gateway4: "10.0.2.2",
        gateway6: "fd00::2",
        mtu: 1280,
      }],
      nameservers: ["10.0.2.3"],
      domain: "test",
      search: ["a.test", "b.test"],
      options: ["ndots:1"],
    },
    hosts: [{ address: "192.0.2.1", names: ["db", "db.test"] }],
    sysctls: { "kernel.msgmax": "9999" },
    limits: { memoryBytes: 128 << 20, cpuQuotaUs: 50_000, pids: 40 },
    mounts: [{
      type: "tmpfs",
      source: "tmpfs",
      destination: "/cache/deep",
      options: ["size=1m", "noexec"],
    }],
  }));

  await t.step("every step of the boot and of the start has a name and a duration", () => {
    equal(guest.bootSteps.map(({ name }) => name), ["file systems", "listen"]);
    equal(started.steps.map(({ name }) => name), [
      "kernel settings",
      "cgroups",
      "loopback",
      "network",
      "disks",
      "mounts",
      "names",
      "sockets",
      "cgroup",
      "process",
    ]);
    ok(started.steps.every(({ tookMs }) => tookMs >= 0 && tookMs < 30_000));
  });
  await t.step("exit statuses are the process's own", async () => {
    equal((await run(guest, ["probe", "exit", "0"])).exit.status, 0);
    equal((await run(guest, ["/bin/probe", "exit", "37"])).exit.status, 37);
  });
  await t.step("standard output and error are told apart", async () => {
    const result = await run(guest, ["probe", "nonsense"]);
    equal([result.out, result.err], ["", "probe: no such verb: nonsense\n"]);
  });
  await t.step(
    "what is not there is command-not-found, what cannot be run is not-executable",
    async () => {
      const start = (...args: string[]) => run(guest, args);
      const code = (expected: "command-not-found" | "not-executable") => (error: unknown) =>
        isCtrError(error, expected);
      await rejects(start("nope"), code("command-not-found"));
      await rejects(start("/bin/nope"), code("command-not-found"));
      await rejects(start("/bin/probe/x"), code("command-not-found"));
      await rejects(start("/bin/plain"), code("not-executable"));
      await rejects(start("plain"), code("not-executable"));
      await rejects(start("/bin/text"), code("not-executable"));
      await rejects(start("/etc"), code("not-executable"));
    },
  );
  await t.step("a signal ends a process with 128 and its number", async () => {
    await guest.startProcess("c1", { id: "s", args: ["probe", "sleep", "60"] });
    await guest.signal("s", 9);
    const { exit } = await collect(guest, "s");
    equal([exit.status, exit.signal, exit.oomKilled], [137, 9, false]);
  });
  await t.step("users are resolved in the image", async () => {
    equal(await out(guest, ["probe", "id"]), "uid=0 gid=0 groups=");
    equal(await out(guest, ["probe", "id"], { user: "alice" }), "uid=1000 gid=1001 groups=29");
    equal(await out(guest, ["probe", "id"], { user: "1000" }), "uid=1000 gid=1001 groups=29");
    equal(await out(guest, ["probe", "id"], { user: "alice:audio" }), "uid=1000 gid=29 groups=");
    equal(
      await out(guest, ["probe", "id"], { user: "4242:17", additionalGids: [5] }),
      "uid=4242 gid=17 groups=5",
    );
    await rejects(run(guest, ["probe", "id"], { user: "bob" }), /bob/);
  });
  await t.step("PATH, HOME and TERM are added when missing", async () => {
    const env = (await out(guest, ["probe", "env"], { user: "alice", env: ["A=1"] })).split("\n");
    equal(env, [
      "A=1",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "HOME=/home/alice",
    ]);
    ok((await out(guest, ["probe", "env"], { terminal: true })).includes("TERM=xterm"));
  });
  await t.step("the working folder is made when missing", async () => {
    equal(await out(guest, ["probe", "cwd"], { cwd: "/srv/app/x" }), "/srv/app/x");
  });
  await t.step("capabilities, no_new_privs and the seccomp filter are as asked for", async () => {
    const status = async (more: Partial<ProcessSpec>) =>
      Object.fromEntries(
        (await out(guest, ["probe", "cat", "/proc/self/status"], more)).split("\n").map((line) =>
          line.split(":\t")
        ),
      );
    const root = await status({});
    equal([root.CapEff, root.CapPrm, root.CapBnd, root.CapInh, root.CapAmb], [
      "00000000a80425fb",
      "00000000a80425fb",
      "00000000a80425fb",
      "0000000000000000",
      "0000000000000000",
    ]);
    equal([root.Seccomp, root.NoNewPrivs, root.Umask], ["2", "0", "0022"]);
    const alice = await status({
      user: "alice",
      security: { capabilities: CAPABILITIES, noNewPrivileges: true },
    });
    equal([alice.CapEff, alice.CapPrm, alice.CapBnd, alice.NoNewPrivs, alice.Seccomp], [
      "0000000000000000",
      "0000000000000000",
      "00000000a80425fb",
      "1",
      "2",
    ]);
    const none = await status({ security: { seccompUnconfined: true } });
    equal([none.CapEff, none.Seccomp], ["0000000000000000", "0"]);
    const all = await status({ security: { privileged: true } });
    equal([all.CapEff, all.Seccomp], ["000001ffffffffff", "0"]);
    match(await out(guest, ["probe", "unshare"]), /not permitted/);
    match(await out(guest, ["probe", "mount"]), /not permitted/);
  });
  await t.step("rlimits and the OOM score are set", async () => {
    const rlimits = [{ type: "RLIMIT_NOFILE", soft: 123, hard: 456 }];
    match(
      await out(guest, ["probe", "cat", "/proc/self/limits"], { rlimits }),
      /Max open files\s+123\s+456/,
    );
    equal(await out(guest, ["probe", "cat", "/proc/self/oom_score_adj"]), "0");
    equal(
      await out(guest, ["probe", "cat", "/proc/self/oom_score_adj"], { oomScoreAdj: 500 }),
      "500",
    );
  });
  await t.step("masked paths are empty and read-only paths refuse writes", async () => {
    equal(await out(guest, ["probe", "cat", "/proc/keys", "/proc/cmdline"]), "");
    equal(await out(guest, ["probe", "ls", "/sys/firmware"]), ".\n..");
    match(await out(guest, ["probe", "write", "/proc/sys/kernel/hostname", "x"]), /Read-only/);
    match(await out(guest, ["probe", "write", "/sys/kernel/mm/lru_gen/enabled", "0"]), /Read-only/);
  });
  await t.step("/dev is the container's own", async () => {
    const names = (await out(guest, ["probe", "ls", "/dev"])).split("\n").sort();
    equal(names.slice(2), [
      "core",
      "fd",
      "full",
      "mqueue",
      "null",
      "ptmx",
      "pts",
      "random",
      "shm",
      "stderr",
      "stdin",
      "stdout",
      "tty",
      "urandom",
      "zero",
    ]);
    equal(
      await out(guest, ["probe", "write", "/dev/stdout", "through"], { user: "alice" }),
      "through",
    );
    ok(
      (await out(guest, ["probe", "cat", "/proc/mounts"])).includes(
        "shm /dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k",
      ),
    );
  });
  await t.step("a container has its own PIDs, host name and cgroup root", async () => {
    equal(await out(guest, ["probe", "hostname"]), "box");
    equal(await out(guest, ["probe", "cat", "/proc/self/cgroup"]), "0::/");
    match(await out(guest, ["probe", "pid"]), /^\d+ 0$/);
    equal(await out(guest, ["probe", "cat", "/proc/1/comm"]), "probe");
    equal(await out(guest, ["probe", "cat", "/proc/sys/kernel/msgmax"]), "9999");
    equal(
      await out(guest, [
        "probe",
        "cat",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/vm/max_map_count",
      ]),
      "1\n262144",
    );
  });
  await t.step("limits are those of the cgroup", async () => {
    const files = ["memory.max", "cpu.max", "pids.max"].map((name) => `/sys/fs/cgroup/${name}`);
    equal(await out(guest, ["probe", "cat", ...files]), `${128 << 20}\n50000 100000\n40`);
    match(await out(guest, ["probe", "fork"]), /^3\d Resource temporarily unavailable/);
    await guest.signal("c1", 0);
    const stats = await guest.stats("c1");
    equal(stats.memoryLimitBytes, 128 << 20);
    ok(stats.memoryUsageBytes > 0 && stats.cpuUsageUs > 0 && stats.pids >= 1);
  });
  await t.step("the network is as the host says", async () => {
    const route = await out(guest, ["probe", "cat", "/proc/net/route", "/proc/net/if_inet6"]);
    match(route, /eth0\t00000000\t0202000A/);
    match(route, /fd000000000000000000000000000015 \w+ 40 00 8[02]\s+eth0/);
    equal(await out(guest, ["probe", "cat", "/sys/class/net/eth0/mtu"]), "1280");
  });
  await t.step("names are written, and links of the image are not followed", async () => {
    equal(
      await out(guest, ["probe", "cat", "/etc/resolv.conf"]),
      "nameserver 10.0.2.3\ndomain test\nsearch a.test b.test\noptions ndots:1",
    );
    equal(await out(guest, ["probe", "cat", "/etc/hostname"]), "box");
    match(
      await out(guest, ["probe", "cat", "/etc/hosts"]),
      /^127.0.0.1 localhost\n(.*\n)*10.0.2.15 box\n(.*\n)*192.0.2.1 db db.test$/,
    );
    equal(await out(guest, ["probe", "cat", "/data/victim"]), "untouched");
  });
  await t.step("a tmpfs is mounted where there was nothing", async () => {
    match(
      await out(guest, ["probe", "cat", "/proc/mounts"]),
      /tmpfs \/cache\/deep tmpfs rw,noexec,relatime,size=1024k/,
    );
  });
  await t.step("a terminal has a size that changes", async () => {
    await guest.startProcess("c1", {
      id: "tty",
      args: ["probe", "size", "2"],
      terminal: true,
      rows: 24,
      columns: 80,
      input: true,
    });
    let text = "";
    for await (const event of guest.output("tty", 0)) {
      if (event.kind === "exit") break;
      text += new TextDecoder().decode(event.data);
      if (text === "24x80 tty=1 session=1\r\n") await guest.resize("tty", 50, 132);
    }
    equal(text, "24x80 tty=1 session=1\r\n50x132 tty=1 session=1\r\n");
  });
  await t.step("a terminal turns input into signals", async () => {
    await guest.startProcess("c1", {
      id: "int",
      args: ["probe", "trap"],
      terminal: true,
      input: true,
    });
    for await (const event of guest.output("int", 0)) {
      ok(event.kind === "data"); // it says that it is ready
      break;
    }
    await guest.writeInput("int", { offset: 0, data: new Uint8Array([3]), close: false });
    equal((await collect(guest, "int")).exit.status, 42);
  });
  await t.step("input arrives once, whatever is repeated", async () => {
    await guest.startProcess("c1", { id: "in", args: ["probe", "cat", "-"], input: true });
    const encode = (text: string) => new TextEncoder().encode(text);
    const write = (offset: number, text: string, close = false) =>
      guest.writeInput("in", { offset, data: encode(text), close });
    equal(await write(0, "hello "), 6);
    equal(await write(0, "hello "), 6);
    equal(await write(3, "lo wor"), 9);
    equal(await write(20, "gap"), 9);
    equal(await write(9, "ld\n", true), 12);
    equal((await collect(guest, "in")).out, "hello world\n");
    equal(await out(guest, ["probe", "cat", "-"]), ""); // no input: /dev/null
  });
  await t.step("a grandchild that keeps the streams does not hold the exit back", async () => {
    const began = performance.now();
    const result = await run(guest, ["probe", "orphan", "30"]);
    equal(result.out, "left one behind\n");
    ok(performance.now() - began < 10_000);
  });
  await t.step("ended processes are listed until they are forgotten", async () => {
    await guest.startProcess("c1", { id: "l", args: ["probe", "echo", "x"] });
    await collect(guest, "l");
    const listed = (await guest.processes()).find(({ processId }) => processId === "l");
    equal([listed?.containerId, listed?.exit?.status, listed?.outputEnd], ["c1", 0, 2]);
    await guest.forget("l");
    ok(!(await guest.processes()).some(({ processId }) => processId === "l"));
    await rejects(guest.forget("c1"), (error) => isCtrError(error, "invalid-state"));
    await rejects(guest.forget("nope"), (error) => isCtrError(error, "not-found"));
  });
  await t.step("the clock is the host's", async () => {
    await guest.setTime(Date.UTC(2031, 0, 1));
    match(await out(guest, ["probe", "clock"]), /^19252\d{5}$|^192499\d{4}$/);
    await guest.setTime(Date.now());
  });
  await t.step("shutdown asks the first process first", async () => {
    await guest.shutdown(5_000);
    equal((await collect(guest, "c1")).exit.status, 55);
  });
  await Deno.remove(folder, { recursive: true });
});
