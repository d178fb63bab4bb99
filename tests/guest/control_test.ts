import { deepStrictEqual as equal, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { isCtrError } from "../../src/core/mod.ts";
import type { GuestClient } from "../../src/guest/mod.ts";
import { collect, container, ext4, probeLayer, TestVm } from "./vm.ts";
import { copyIn, copyOut, host, hostText } from "./streams.ts";

const quiet = { sanitizeOps: false, sanitizeResources: false };
const folder = await Deno.makeTempDir();
const layer = { path: await probeLayer(folder, "x86_64"), serial: "layer0", readonly: true };
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const rootfs = { layerSerials: ["layer0"], upperSerial: "upper" };

async function disk(name: string) {
  const path = join(folder, `${name}.ext4`);
  await ext4(path, "64M");
  return { path, serial: name, readonly: false };
}

let ids = 0;
async function run(guest: GuestClient, ...args: string[]): Promise<string> {
  const id = `r${++ids}`;
  await guest.startProcess("c1", { id, args });
  return (await collect(guest, id)).out.trim();
}

async function firstOutput(guest: GuestClient, id: string): Promise<void> {
  for await (const event of guest.output(id, 0)) if (event.kind === "data") return;
}

Deno.test("a container's life is looked at and held", quiet, async (t) => {
  const upper = await disk("upper");
  await using vm = await TestVm.start(folder, { disks: [layer, upper] });
  const guest = await vm.connect();
  await guest.startContainer(
    container(["probe", "trap"], { rootfs, limits: { memoryBytes: 64 << 20 } }),
  );
  await t.step(
    "a frozen disk is whole on the host, and is written to again when it is thawed",
    async () => {
      await guest.startProcess("c1", { id: "writes", args: ["probe", "writes", "/endless"] });
      await firstOutput(guest, "writes");
      await run(guest, "probe", "write", "/kept", "whole");
      const scope = { processes: false, fileSystem: true };
      await guest.freeze("c1", scope);
      await guest.freeze("c1", scope); // twice is as good as once
      const size = async () =>
        await hostText(["debugfs", "-R", "stat /upper/endless", upper.path]).then((s) =>
          /Size: (\d+)/.exec(s)?.[1]
        );
      const before = await size();
      await host(["e2fsck", "-fn", upper.path]);
      equal(await hostText(["debugfs", "-R", "cat /upper/kept", upper.path]), "whole");
      equal((await guest.processes()).length > 0, true); // the guest answers meanwhile
      equal(await size(), before);
      await guest.thaw("c1", scope);
      await run(guest, "probe", "write", "/after", "x");
      await guest.signal("writes", 9);
    },
  );
  await t.step("frozen processes stand still, and nothing is started beside them", async () => {
    await guest.startProcess("c1", { id: "spin", args: ["probe", "serve", "unix", "/tmp/spin"] });
    await guest.freeze("c1", { processes: true, fileSystem: false });
    equal((await guest.containerState("c1")).frozen, true);
    const exec = guest.startProcess("c1", { id: "no", args: ["probe", "pid"] });
    await rejects(exec, (error) => isCtrError(error, "invalid-state"));
    // Files go in and out all the same.
    equal((await copyOut(guest, "/data/victim")).exit.error, "");
    await guest.thaw("c1", { processes: true, fileSystem: true });
    equal((await guest.containerState("c1")).frozen, false);
    equal(await run(guest, "probe", "echo", "hi"), "hi");
    await guest.signal("spin", 9);
  });
  await t.step("the processes, as the container sees them", async () => {
    await guest.startProcess("c1", { id: "alice", args: ["probe", "sleep", "60"], user: "alice" });
    const top = await guest.top("c1");
    const main = top.find((p) => p.pid === 1)!;
    equal([main.user, main.parentPid, main.command, main.terminal], ["root", 0, "probe trap", ""]);
    const alice = top.find((p) => p.command === "probe sleep 60")!;
    equal([alice.user, alice.uid, alice.parentPid], ["alice", 1000, 0]);
    ok(alice.residentBytes > 0 && Math.abs(alice.startedMs - Date.now()) < 60_000);
  });
  await t.step("limits change while it runs, and not below what is used", async () => {
    await guest.update("c1", { memoryBytes: 48 << 20, pids: 20 });
    const stats = await guest.stats("c1");
    equal(stats.memoryLimitBytes, 48 << 20);
    ok(stats.memoryWorkingSetBytes > 0 && stats.memoryWorkingSetBytes <= stats.memoryUsageBytes);
    ok(stats.guestMemoryTotalBytes > 200 << 20 && stats.guestCacheBytes > 0);
    ok(
      stats.diskUsedBytes > 0 && stats.diskSizeBytes > stats.diskUsedBytes && stats.onlineCpus >= 1,
    );
    ok(/^1\d Resource/.test(await run(guest, "probe", "fork")));
    await rejects(
      guest.update("c1", { memoryBytes: 4096 }),
      (error) => isCtrError(error, "invalid-state"),
    );
    await guest.update("c1", { memoryBytes: -1 });
    equal((await guest.stats("c1")).memoryLimitBytes, 0);
  });
  await t.step("what a path is", async () => {
    const link = await guest.statPath("c1", "/tmp/../etc/hosts");
    equal([link.path, link.mode & 0o170000], ["/etc/hosts", 0o100000]); // mounted over the image's link
    await run(guest, "probe", "symlink", "../data/victim", "/tmp/l");
    const { path, linkTarget, resolvedPath, resolvedMode } = await guest.statPath("c1", "/tmp/l");
    equal([path, linkTarget, resolvedPath, resolvedMode], [
      "/tmp/l",
      "../data/victim",
      "/data/victim",
      0o100644,
    ]);
    await rejects(guest.statPath("c1", "/none"), (error) => isCtrError(error, "not-found"));
  });
});

Deno.test("a worker that eats too much memory is killed alone", quiet, async () => {
  await using vm = await TestVm.start(folder, { disks: [layer] });
  const guest = await vm.connect();
  await guest.startContainer(container(["probe", "trap"], { limits: { memoryBytes: 24 << 20 } }));
  for (const [status, victim] of [["3", "probe"], ["0", ""]]) {
    await guest.startProcess("c1", { id: `eat${status}`, args: ["probe", "eatchild", status!] });
    const { exit, out } = await collect(guest, `eat${status}`);
    equal([out, exit.status, exit.oomKilled, exit.oomVictim], [
      "still here\n",
      Number(status),
      victim !== "",
      victim,
    ]);
  }
  equal((await guest.stats("c1")).oomKills, 2);
  await guest.signal("c1", 9);
  equal((await collect(guest, "c1")).exit.oomKilled, false); // killed by the host, not for memory
});

Deno.test("devices: the usual ones, those that were asked for, and no disk", quiet, async () => {
  const upper = await disk("upper2");
  await using vm = await TestVm.start(folder, { disks: [layer, upper] });
  const guest = await vm.connect();
  const devices = [{ source: "/dev/net/tun", destination: "/dev/net/tun", access: "r" }];
  const spec = container(["probe", "trap"], { devices });
  await guest.startContainer({ ...spec, process: { ...spec.process!, oomScoreAdj: 321 } });
  equal(await run(guest, "probe", "open", "/dev/null", "w"), "open");
  equal(await run(guest, "probe", "open", "/dev/net/tun", "r"), "open");
  equal(await run(guest, "probe", "open", "/dev/net/tun", "w"), "Operation not permitted");
  const process = async (id: string, args: string[], security: object) => {
    await guest.startProcess("c1", {
      id,
      args,
      security: { capabilities: ["CAP_MKNOD"], ...security },
    });
    return (await collect(guest, id)).out.trim();
  };
  equal(
    await process("disk", ["probe", "mknod", "/tmp/d", "b", "254", "0"], {}),
    "Operation not permitted",
  );
  equal(
    await process("mem", ["probe", "mknod", "/tmp/m", "c", "1", "1"], {}),
    "Operation not permitted",
  );
  equal(await process("null", ["probe", "mknod", "/tmp/n", "c", "1", "3"], {}), "open");
  equal(await run(guest, "probe", "cat", "/proc/1/oom_score_adj"), "321");
  // A profile that allows everything but mknod(2) and mknodat(2): ld nr; jeq; jeq; errno 1; allow.
  const profile = new Uint8Array(5 * 8);
  const view = new DataView(profile.buffer);
  [[0x20, 0, 0, 0], [0x15, 1, 0, 133], [0x15, 0, 1, 259], [6, 0, 0, 0x50001], [6, 0, 0, 0x7fff0000]]
    .forEach(([code, jt, jf, k], at) => {
      view.setUint16(8 * at, code!, true);
      view.setUint8(8 * at + 2, jt!);
      view.setUint8(8 * at + 3, jf!);
      view.setUint32(8 * at + 4, k!, true);
    });
  for (const noNewPrivileges of [false, true]) {
    const security = { seccompProfile: profile, noNewPrivileges };
    const id = `profile${noNewPrivileges}`;
    equal(
      await process(id, ["probe", "mknod", `/tmp/${id}`, "c", "1", "3"], security).then((o) =>
        o.split("\n")[0]
      ),
      "mknod: Operation not permitted",
    );
  }
  const groups = {
    id: "groups",
    args: ["probe", "id"],
    user: "alice",
    additionalGroups: ["root", "77"],
  };
  await guest.startProcess("c1", groups);
  equal((await collect(guest, "groups")).out.trim(), "uid=1000 gid=1001 groups=0,29,77");
  await rejects(
    guest.startProcess("c1", { ...groups, id: "g2", additionalGroups: ["nobody"] }),
    /nobody/,
  );
});

Deno.test(
  "files without a process; volumes are filled, shown in part and as a file",
  quiet,
  async () => {
    const [upper, volume] = [await disk("upper3"), await disk("vol")];
    const disks = [layer, { ...upper, serial: "upper" }, volume];
    const mounts = [{
      type: "ext4",
      source: "vol",
      destination: "/data",
      options: [],
      copyUp: true,
    }];
    {
      await using vm = await TestVm.start(folder, { disks });
      const guest = await vm.connect();
      const { process: _none, ...spec } = container(["none"], { rootfs, mounts });
      await guest.startContainer(spec);
      const { bytes } = await copyOut(guest, "/data/victim");
      equal(await hostText(["tar", "-xOf", "-"], bytes), "untouched\n");
      const archive = await host(["tar", "-C", folder, "-c", "layer-x86_64.ext4"]);
      equal((await copyIn(guest, "/data", archive)).error, "");
      const started = guest.startProcess("c1", { id: "p", args: ["probe"] });
      await rejects(started, (e) => isCtrError(e, "invalid-state"));
      await guest.shutdown(1000);
    }
    await host(["e2fsck", "-fn", upper.path]);
    await host(["e2fsck", "-fn", volume.path]);
    await using vm = await TestVm.start(folder, { disks });
    const guest = await vm.connect();
    const more = [
      { type: "ext4", source: "vol", destination: "/whole", options: [], copyUp: true },
      { type: "ext4", source: "vol", destination: "/part", options: [], subpath: "new/sub" },
      { type: "ext4", source: "vol", destination: "/etc/one", options: [], file: "victim" },
    ];
    await guest.startContainer(container(["probe", "trap"], { rootfs, mounts: more }));
    const names = (await run(guest, "probe", "ls", "/whole")).split("\n").sort();
    equal(names, [".", "..", "layer-x86_64.ext4", "lost+found", "new", "victim"]);
    equal(await run(guest, "probe", "write", "/part/x", "below"), "");
    equal(await run(guest, "probe", "cat", "/whole/new/sub/x", "/etc/one"), "belowuntouched");
  },
);
