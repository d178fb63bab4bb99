import { deepStrictEqual as equal, match, ok, rejects } from "node:assert/strict";
import type { Socket } from "node:net";
import { join } from "node:path";
import { isCtrError } from "../../src/core/mod.ts";
import type { GuestClient } from "../../src/guest/mod.ts";
import { collect, container, ext4, probeLayer, TestVm } from "./vm.ts";

const quiet = { sanitizeOps: false, sanitizeResources: false };
const folder = await Deno.makeTempDir();
const layer = { path: await probeLayer(folder, "x86_64"), serial: "layer0", readonly: true };
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

function byteAt(offset: number): number {
  return Math.imul(offset, 0x9e3779b1) >>> 24;
}

/** Checks what `probe count` writes, piece by piece; its stream alternates every 777 bytes. */
class Counted {
  next = 0;
  take(offset: number, data: Uint8Array): void {
    equal(offset, this.next, "a byte was lost or doubled");
    for (let i = 0; i < data.length; i++) {
      if (data[i] !== byteAt(offset + i)) throw new Error(`wrong byte at ${offset + i}`);
    }
    this.next += data.length;
  }
}

Deno.test("output survives connections that break, at any moment", quiet, async () => {
  await using vm = await TestVm.start(folder, { disks: [layer] });
  const total = 24 << 20;
  const first = await vm.connect();
  await first.startContainer(container(["probe", "count", String(total)]));
  first.close();
  const counted = new Counted();
  let connections = 0;
  for (let done = false; !done;) {
    let socket!: Socket;
    const guest = await vm.connect((opened) => socket = opened);
    connections++;
    const stopAt = counted.next + 300_000 + Math.floor(Math.random() * 3_000_000);
    try {
      for await (const event of guest.output("c1", counted.next)) {
        if (event.kind === "exit") {
          equal([event.status, event.outputEnd], [0, total]);
          done = true;
          break;
        }
        counted.take(event.offset, event.data);
        guest.acknowledge("c1", counted.next).catch(() => {});
        // Gone in the middle of a frame, as when the engine is killed; the next one comes at once.
        if (counted.next > stopAt && counted.next < total) socket.destroy();
      }
    } catch (error) {
      ok(isCtrError(error, "unavailable"), String(error));
    }
    guest.close();
  }
  equal(counted.next, total);
  ok(connections >= 4, `only ${connections} connections`);
});

Deno.test("both streams keep their order", quiet, async () => {
  await using vm = await TestVm.start(folder, { disks: [layer] });
  const guest = await vm.connect();
  const total = 300_000;
  await guest.startContainer(container(["probe", "count", String(total), "both"]));
  let bytes = 0;
  const streams = [0, 0, 0];
  for await (const event of guest.output("c1", 0)) {
    if (event.kind === "exit") break;
    equal(event.offset, bytes);
    bytes += event.data.length;
    streams[event.stream]! += event.data.length;
    await guest.acknowledge("c1", bytes);
  }
  equal(bytes, total);
  ok(Math.abs(streams[1]! - streams[2]!) <= 777);
});

Deno.test(
  "a process whose output nobody takes waits, and input waits for its reader",
  quiet,
  async () => {
    await using vm = await TestVm.start(folder, { disks: [layer] });
    const guest = await vm.connect();
    const spec = container(["probe", "count", String(8 << 20)]);
    await guest.startContainer({
      ...spec,
      process: { ...spec.process!, outputBufferBytes: 128 << 10 },
    });
    await guest.startProcess("c1", { id: "deaf", args: ["probe", "sleep", "60"], input: true });
    const writing = new AbortController();
    const data = new Uint8Array(256 << 10);
    const blocked = guest.writeInput("deaf", { offset: 0, data, close: false }, writing.signal);
    blocked.catch(() => {}); // asked below
    await new Promise((resolve) => setTimeout(resolve, 200)); // the input is on its way by then
    await until(async () =>
      (await guest.processes()).find((p) => p.processId === "c1")?.outputEnd === 128 << 10
    );
    const listed = (await guest.processes()).find((p) => p.processId === "c1");
    equal([listed?.outputBegin, listed?.outputEnd, listed?.exit], [0, 128 << 10, undefined]);
    writing.abort(new Error("enough"));
    await rejects(blocked, /enough/);
    const counted = new Counted();
    for await (const event of guest.output("c1", 0)) {
      if (event.kind === "exit") break;
      counted.take(event.offset, event.data);
      guest.acknowledge("c1", counted.next);
    }
    equal(counted.next, 8 << 20);
  },
);

Deno.test(
  "a container that takes too much memory is killed, and the exit says so",
  quiet,
  async () => {
    await using vm = await TestVm.start(folder, { disks: [layer] });
    const guest = await vm.connect();
    await guest.startContainer(container(["probe", "eat"], { limits: { memoryBytes: 32 << 20 } }));
    const { exit } = await collect(guest, "c1");
    equal([exit.status, exit.signal, exit.oomKilled, exit.oomVictim], [137, 9, true, "probe"]);
    await rejects(
      guest.startProcess("c1", { id: "late", args: ["probe"] }),
      (error) => isCtrError(error, "invalid-state"),
    );
  },
);

Deno.test("what is written to the upper disk is found again", quiet, async () => {
  const upper = join(folder, "upper.ext4");
  await ext4(upper, "64M");
  const disks = [layer, { path: upper, serial: "upper", readonly: false }];
  const rootfs = { layerSerials: ["layer0"], upperSerial: "upper" };
  for (const args of [["probe", "write", "/kept", "here"], ["probe", "cat", "/kept"]]) {
    await using vm = await TestVm.start(folder, { disks });
    const guest = await vm.connect();
    await guest.startContainer(container(args, { rootfs }));
    const { exit, out } = await collect(guest, "c1");
    equal([exit.status, out], [0, args[1] === "cat" ? "here" : ""]);
    await guest.shutdown(1000);
  }
  const { code } = await new Deno.Command("e2fsck", {
    args: ["-fn", upper],
    stdout: "null",
    stderr: "null",
  }).output();
  equal(code, 0);
});

Deno.test("a read-only root refuses writes, with its names still written", quiet, async () => {
  await using vm = await TestVm.start(folder, { disks: [layer] });
  const guest = await vm.connect();
  const rootfs = { layerSerials: ["layer0"], upperSerial: "", readonly: true };
  await guest.startContainer(container(["probe", "trap"], { rootfs }));
  equal((await run(guest, "probe", "write", "/x", "y")).trim(), "Read-only file system");
  equal((await run(guest, "probe", "write", "/dev/shm/x", "y")).trim(), "");
  match(await run(guest, "probe", "cat", "/etc/resolv.conf"), /^nameserver 10.0.2.3$/m);
});

Deno.test("an init forwards signals, reaps orphans and ends as its child does", quiet, async () => {
  await using vm = await TestVm.start(folder, { disks: [layer] });
  const guest = await vm.connect();
  await guest.startContainer(container(["probe", "trap"], { init: true }));
  equal(await run(guest, "probe", "cat", "/proc/1/comm"), "stage\n");
  await run(guest, "probe", "orphan", "0");
  await until(async () =>
    (await run(guest, "probe", "ls", "/proc")).split("\n").filter((n) => /^\d+$/.test(n)).length <=
      3
  );
  await guest.signal("c1", 15);
  equal((await collect(guest, "c1")).exit.status, 55);
});

Deno.test("an init that cannot start its program says why", quiet, async () => {
  await using vm = await TestVm.start(folder, { disks: [layer] });
  const guest = await vm.connect();
  await rejects(
    guest.startContainer(container(["nope"], { init: true })),
    (error) => isCtrError(error, "command-not-found"),
  );
});

Deno.test("a disk that is not there is named", quiet, async () => {
  await using vm = await TestVm.start(folder, { disks: [layer] });
  const guest = await vm.connect();
  await rejects(
    guest.startContainer(container(["probe"], { rootfs: { layerSerials: ["layer7"] } })),
    /layer7/,
  );
});

Deno.test("calls reject as soon as the VM is gone", quiet, async () => {
  const vm = await TestVm.start(folder, { disks: [layer] });
  const guest = await vm.connect();
  await guest.startContainer(container(["probe", "trap"]));
  const following = collect(guest, "c1");
  following.catch(() => {});
  await vm[Symbol.asyncDispose]();
  await guest.closed;
  await rejects(following, (error) => isCtrError(error, "unavailable"));
  await rejects(guest.processes(), (error) => isCtrError(error, "unavailable"));
});

Deno.test("an arm64 guest runs a process too", quiet, async () => {
  const arm = { path: await probeLayer(folder, "arm64"), serial: "layer0", readonly: true };
  await using vm = await TestVm.start(folder, { arch: "arm64", disks: [arm] });
  const guest = await vm.connect();
  await guest.startContainer(container(["probe", "trap"], { init: true }));
  match(await run(guest, "probe", "cat", "/proc/self/status"), /Seccomp:\t2/);
  match(await run(guest, "probe", "unshare"), /not permitted/);
  await guest.signal("c1", 15);
  equal((await collect(guest, "c1")).exit.status, 55);
});

let ids = 0;
async function run(guest: GuestClient, ...args: string[]): Promise<string> {
  const id = `r${++ids}`;
  await guest.startProcess("c1", { id, args });
  return (await collect(guest, id)).out;
}

/** A guest tells no events of this kind, so it is asked, for half a minute at most. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 30_000; !await condition();) {
    if (performance.now() > end) throw new Error("it did not come to that");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
