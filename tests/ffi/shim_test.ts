/**
 * The shim through `Deno.dlopen`, on the stand-in that boots real guests.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { testGuest } from "../contract/guest.ts";
import { built, cString, descriptors, INIT, readLine, Shim } from "./shim.ts";

const EBADF = -9, EINVAL = -22, EBUSY = -16, ENODEV = -19, ENOTSUP = -95, EALREADY = -114;

Deno.test("the shim", async (t) => {
  await using shim = await Shim.open(Deno.env.get("CTR_VZ_LIBRARY") ?? await built("standin"));
  const step = (title: string, test: (shim: Shim) => Promise<void> | void) =>
    t.step(title, async () => {
      await test(shim);
      assert.deepEqual(shim.seen, [], "an event that nobody expects");
    });

  await step("tells what the host can do", host);
  await step("gives its events once", (s) => assert.equal(s.symbols.ctrvz_events(), EALREADY));
  await step("names what is wrong in a VM's JSON", refusesVms);
  await step("says what the framework says", refusesAsFramework);
  await step("leaves nothing of a VM that was refused", leavesNothing);
  await step("knows no handle that it has not given", unknownHandles);
  await step("makes networks, and names what is wrong in them", networks);
  await step("keeps secrets", secrets);
  await step("writes to the log", logs);
  await step("installs Rosetta where it can", rosetta);
  await step("makes sockets and hands descriptors on", sockets);
  await step("goes through the states of a VM, and no others", states);
  await step("carries streams to the guest and from it", streams);
  await step("tells how a VM ended", ends);
  await step("shares folders, and changes what is shared", shares);
  await step("saves a VM and restores it", saves);
  await step("boots an arm64 guest on PCI, as Macs do", arm64);
  await step("connects VMs of one network with each other and the host", twoVms);
  await step("has released every object of the framework", released);
});

function host({ symbols, text }: Shim) {
  const facts = JSON.parse(text.call({ symbols } as Shim, symbols.ctrvz_host()));
  assert.deepEqual(Object.keys(facts).toSorted(), [
    "cpus",
    "memoryBytes",
    "nested",
    "os",
    "rosetta",
    "supported",
    "vmnet",
  ]);
  assert(facts.supported && facts.cpus.max >= 1 && facts.memoryBytes.min < facts.memoryBytes.max);
  const ids = [1, 2].map(() => text.call({ symbols } as Shim, symbols.ctrvz_machine_id()));
  assert(ids[0] !== ids[1] && atob(ids[0]!).length === 20);
}

async function refusesVms(shim: Shim) {
  const disk = (shim.config().disks as Record<string, unknown>[])[0]!;
  const cases: [unknown, number, RegExp, string?][] = [
    ["{", 1, /^not JSON/],
    ["[]", 1, /the JSON is not an object/],
    [shim.config({ cpu: 1 }), 1, /^"cpu" is not known$/],
    [shim.config({ cpus: undefined }), 1, /^"cpus" is missing$/],
    [shim.config({ cpus: "1" }), 1, /^"cpus" has the wrong type$/],
    [shim.config({ cpus: 1.5 }), 1, /^"cpus" is not a number from 0 to 4096$/],
    [shim.config({ cpus: -1 }), 1, /^"cpus" is not a number from 0/],
    [shim.config({ memoryBytes: 1e300 }), 1, /^"memoryBytes" is not a number/],
    [shim.config({ commandLine: "a\0b" }), 1, /^"commandLine" holds a NUL$/],
    [shim.config({ disks: {} }), 1, /^"disks" has the wrong type$/],
    [shim.config({ disks: [1] }), 1, /^disks is not an object$/],
    [shim.config({ disks: [{ ...disk, caching: "some" }] }), 1, /^"caching" is none of: automatic/],
    [shim.config({ machineId: "!" }), 1, /^"machineId" is not a machine identifier$/],
    [shim.config({ nested: true }), 4, /no nested virtualization/],
    [shim.config({ nics: [{ kind: "nat", mac: "zz" }] }), 1, /^"zz" is not a MAC address$/],
    [shim.config({ nics: [{ kind: "fd", fd: 999, mac: MAC }] }), 1, /^"fd" is no open descriptor/],
    [shim.config({ nics: [{ kind: "fd", fd: 0, mac: MAC }] }), 3, /not a datagram socket/],
    [shim.config({ nics: [{ kind: "vmnet", network: 99, mac: MAC }] }), 2, /is no network$/],
    [shim.config({ console: { outputFd: 999 } }), 1, /^"outputFd" is no open descriptor/],
  ];
  for (const [config, code, message] of cases) {
    const { handle, error } = await shim.make("vm", config);
    assert.deepEqual([handle, error?.domain, error?.code], [0, "ctrvz", code], String(message));
    assert.match(error!.message, message);
  }
}

const MAC = "02:00:00:00:00:01";

async function refusesAsFramework(shim: Shim) {
  const disk = (shim.config().disks as Record<string, unknown>[])[0]!;
  const rosetta = [{ tag: "rosetta", rosetta: true }];
  const folders = { "a/b": { path: "/tmp", readOnly: true } };
  const cases: [Record<string, unknown>, string, number, string?][] = [
    [{ disks: [{ ...disk, path: "/nope.img" }] }, "VZErrorDomain", 5, "/nope.img"],
    [{ disks: [{ ...disk, serial: "x".repeat(21) }] }, "VZErrorDomain", 2, "x".repeat(21)],
    [{ kernel: "/nope" }, "VZErrorDomain", 2],
    [{ memoryBytes: 2 ** 20 * 50 + 1 }, "VZErrorDomain", 2],
    [{ cpus: 4000 }, "VZErrorDomain", 2],
    [{ console: { file: "/nope/a", append: true } }, "NSPOSIXErrorDomain", 2, "/nope/a"],
    [{ shares: [{ tag: "a", path: "/nope", readOnly: true }] }, "NSPOSIXErrorDomain", 2, "/nope"],
    [{ shares: [{ tag: "a", path: "/etc/passwd", readOnly: true }] }, "NSPOSIXErrorDomain", 20],
    [{ shares: [{ tag: "", path: "/tmp", readOnly: true }] }, "VZErrorDomain", 2, ""],
    [{ shares: [{ tag: "a", folders }] }, "VZErrorDomain", 2, "a/b"],
    [{ shares: rosetta }, "VZErrorDomain", 10, "rosetta"],
  ];
  for (const [changes, domain, code, subject] of cases) {
    const { handle, error } = await shim.make("vm", shim.config(changes));
    assert.deepEqual([handle, error?.domain, error?.code], [0, domain, code]);
    if (subject !== undefined) assert.equal(error!.subject, subject);
    if (domain === "VZErrorDomain") assert(error!.reason);
  }
  Deno.env.set("CTRVZ_STANDIN_UNENTITLED", "1");
  const { error } = await shim.make("vm", shim.config());
  Deno.env.delete("CTRVZ_STANDIN_UNENTITLED");
  assert.match(error!.reason!, /com\.apple\.security\.virtualization/);
}

async function leavesNothing(shim: Shim) {
  const ends = new Int32Array(2);
  assert.equal(shim.symbols.ctrvz_socketpair(2, new Uint8Array(ends.buffer)), 0);
  const before = descriptors();
  for (let times = 0; times < 5; times++) {
    const nics = [{ kind: "fd", fd: ends[0], mac: MAC }];
    const { handle } = await shim.make("vm", shim.config({ nics, cpus: 4000 }));
    assert.equal(handle, 0);
    const vm = await shim.create({ nics });
    assert.equal(await shim.symbols.ctrvz_vm_release(vm), 0);
  }
  await settles(() => descriptors() === before, "a descriptor is left");
  for (const end of ends) assert.equal(shim.symbols.ctrvz_close(end), 0);
}

async function unknownHandles({ symbols }: Shim) {
  const nobody = 4_000_000;
  assert.deepEqual([symbols.ctrvz_vm_start(nobody, 1), symbols.ctrvz_vm_stop(nobody, 1)], [
    EBADF,
    EBADF,
  ]);
  assert.equal(await symbols.ctrvz_vm_state(nobody), EBADF);
  assert.equal(await symbols.ctrvz_vm_release(nobody), EBADF);
  assert.equal(await symbols.ctrvz_vsock_listen(nobody, 1), EBADF);
  assert.equal(symbols.ctrvz_net_release(nobody), EBADF);
  assert.equal(symbols.ctrvz_net_info(nobody), null);
  assert.equal(symbols.ctrvz_vm_start(nobody, 0), EINVAL);
  assert.equal(symbols.ctrvz_vm_save(nobody, cString(""), 1), EINVAL);
}

async function networks(shim: Shim) {
  const ipv4 = { address: "192.168.90.1", mask: "255.255.255.0" };
  const forward = { protocol: "tcp", hostPort: 8080, guestAddress: "192.168.90.9", guestPort: 80 };
  const { handle, error } = await shim.make("net", {
    mode: "shared",
    ipv4,
    ipv6: { prefix: "fd00:1::", length: 64 },
    mtu: 1400,
    dhcp: false,
    reservations: [{ mac: MAC, address: "192.168.90.7" }],
    forwards: [forward, { ...forward, protocol: "udp", guestAddress: "fd00:1::9" }],
  });
  assert.equal(error, undefined, JSON.stringify(error));
  assert.deepEqual(JSON.parse(shim.text(shim.symbols.ctrvz_net_info(handle))), {
    ipv4,
    ipv6: { prefix: "fd00:1::", length: 64 },
  });
  assert.equal(await shim.symbols.ctrvz_vm_state(handle), EBADF, "a network is no VM");
  assert.equal(shim.symbols.ctrvz_net_release(handle), 0);
  assert.equal(shim.symbols.ctrvz_net_release(handle), EBADF);
  const cases: [Record<string, unknown>, string, number, RegExp][] = [
    [{ mode: "bridged" }, "ctrvz", 1, /"mode" is none of: host shared/],
    [{ mode: "host", ipv4: { address: "192.168.90.0", mask: ipv4.mask } }, "vmnet", 1003, /IPv4/],
    [{ mode: "host", ipv4: { address: "here", mask: ipv4.mask } }, "ctrvz", 1, /"here"/],
    [{ mode: "host", externalInterface: "en0" }, "vmnet", 1003, /interface/],
    [{ mode: "host", ipv4, forwards: [{ ...forward, guestPort: 0 }] }, "vmnet", 1003, /port 8080/],
    [{ mode: "host", mtu: 70000 }, "ctrvz", 1, /"mtu"/],
  ];
  for (const [values, domain, code, message] of cases) {
    const { handle, error } = await shim.make("net", values);
    assert.deepEqual([handle, error?.domain, error?.code], [0, domain, code]);
    assert.match(error!.message, message);
  }
}

async function secrets({ symbols, folder, text }: Shim) {
  const set = (of: object, secret: string) => {
    const data = new TextEncoder().encode(secret);
    return symbols.ctrvz_secret_set(cString(JSON.stringify(of)), data, data.length);
  };
  const get = async (of: object) => {
    const data = new BigUint64Array(1), length = new Uint32Array(1);
    const cells = [data, length].map((each) => new Uint8Array(each.buffer));
    const status = await symbols.ctrvz_secret_get(
      cString(JSON.stringify(of)),
      cells[0]!,
      cells[1]!,
    );
    return status === 0
      ? text.call({ symbols } as Shim, Deno.UnsafePointer.create(data[0]!))
      : status;
  };
  const list = async (of: object) =>
    JSON.parse(
      text.call({ symbols } as Shim, await symbols.ctrvz_secret_list(cString(JSON.stringify(of)))),
    );
  const one = { server: "registry.example", account: "ann", domain: "dev.ctr" };
  assert.equal(await set(one, "x"), -25308, "locked");
  Deno.env.set("CTRVZ_STANDIN_KEYCHAIN", join(folder, "keychain"));
  assert.equal(await get(one), -25300);
  assert.deepEqual(await list({ domain: "dev.ctr" }), []);
  assert.equal(await set({ ...one, label: "ctr: registry.example" }, "s3cret"), 0);
  assert.equal(await set(one, "changed"), 0);
  assert.equal(await set({ ...one, account: "bob" }, "ü"), 0);
  assert.equal(await get(one), "changed");
  assert.equal(await get({ ...one, account: "bob" }), "ü");
  assert.deepEqual(
    (await list({ domain: "dev.ctr" })).map(({ account }: { account: string }) => account)
      .toSorted(),
    ["ann", "bob"],
  );
  assert.equal((await list(one))[0].label, "ctr: registry.example");
  assert.equal(await symbols.ctrvz_secret_delete(cString('{"domain":"dev.ctr"}')), -50);
  assert.equal(await symbols.ctrvz_secret_delete(cString(JSON.stringify(one))), 0);
  assert.equal(await get(one), -25300);
  assert.equal(await get({ sever: "x" }), -50);
  assert.equal(await set({ server: "registry.example" }, "x"), -50);
  Deno.env.delete("CTRVZ_STANDIN_KEYCHAIN");
  assert.deepEqual(await list(one), { error: -25308 });
}

async function logs({ symbols, folder }: Shim) {
  const path = join(folder, "log");
  Deno.env.set("CTRVZ_STANDIN_LOG", path);
  symbols.ctrvz_log(16, cString("dev.ctr"), cString("vm"), cString("it %s %n broke"));
  Deno.env.delete("CTRVZ_STANDIN_LOG");
  assert.equal(await Deno.readTextFile(path), "dev.ctr/vm 16 it %s %n broke\n");
}

async function rosetta(shim: Shim) {
  const state = () => JSON.parse(shim.text(shim.symbols.ctrvz_host())).rosetta;
  assert.equal(state(), "unsupported");
  const refused = await shim.done((token) => shim.symbols.ctrvz_rosetta_install(token), "install");
  assert.equal(refused.error?.code, 10);
  Deno.env.set("CTRVZ_STANDIN_ROSETTA", "");
  assert.equal(state(), "missing");
  Deno.env.set("CTRVZ_STANDIN_ROSETTA", shim.folder);
  assert.equal(state(), "installed");
  await shim.ok((token) => shim.symbols.ctrvz_rosetta_install(token), "install");
  const vm = await shim.create({ shares: [{ tag: "rosetta", rosetta: true }] });
  assert.equal(await shim.symbols.ctrvz_vm_release(vm), 0);
  Deno.env.delete("CTRVZ_STANDIN_ROSETTA");
}

function sockets({ symbols }: Shim) {
  const before = descriptors();
  const pair = new Int32Array(2), stream = new Int32Array(2);
  assert.equal(symbols.ctrvz_socketpair(3, new Uint8Array(pair.buffer)), EINVAL);
  assert.equal(symbols.ctrvz_socketpair(2, new Uint8Array(pair.buffer)), 0);
  assert.equal(symbols.ctrvz_socketpair(1, new Uint8Array(stream.buffer)), 0);
  assert.equal(symbols.ctrvz_drain(pair[0]!), 0);
  assert.equal(symbols.ctrvz_drain(stream[0]!), EINVAL);
  assert.equal(symbols.ctrvz_send_fd(stream[0]!, pair[0]!), 0);
  assert.equal(symbols.ctrvz_send_fd(stream[0]!, 9999), EBADF);
  for (const each of [...pair, ...stream]) assert.equal(symbols.ctrvz_close(each), 0);
  assert.equal(symbols.ctrvz_close(pair[0]!), EBADF);
  assert.equal(descriptors(), before);
}

async function states(shim: Shim) {
  const { symbols } = shim;
  const vm = await shim.create();
  const state = () => symbols.ctrvz_vm_state(vm);
  const failed = async (call: (token: number) => number) => (await shim.done(call, "x")).error;
  assert.equal(await state(), 0);
  assert.equal((await failed((token) => symbols.ctrvz_vm_stop(vm, token)))?.code, 4);
  assert.equal((await failed((token) => symbols.ctrvz_vsock_connect(vm, 1, token)))?.code, 107);
  assert.equal(await symbols.ctrvz_vm_set_memory_target(vm, 2n ** 26n), 0);
  await shim.ok((token) => symbols.ctrvz_vm_start(vm, token), "start");
  assert.equal(await state(), 1);
  assert.equal((await failed((token) => symbols.ctrvz_vm_start(vm, token)))?.code, 4);
  assert.equal((await failed((token) => symbols.ctrvz_vm_resume(vm, token)))?.code, 4);
  const path = cString(join(shim.folder, "never"));
  assert.equal((await failed((token) => symbols.ctrvz_vm_save(vm, path, token)))?.code, 4);
  assert.equal((await failed((token) => symbols.ctrvz_vm_restore(vm, path, token)))?.code, 4);
  assert.equal(await symbols.ctrvz_vm_release(vm), EBUSY);
  await shim.tell(vm, "count");
  await shim.ok((token) => symbols.ctrvz_vm_pause(vm, token), "pause");
  assert.equal(await state(), 2);
  await shim.ok((token) => symbols.ctrvz_vm_resume(vm, token), "resume");
  assert.equal(await shim.tell(vm, "count"), "2", "the guest lives on");
  assert.equal(await symbols.ctrvz_vm_set_memory_target(vm, 2n ** 26n), 0);
  await shim.ok((token) => symbols.ctrvz_vm_stop(vm, token), "stop");
  assert.equal(await state(), 0);
  await shim.ok((token) => symbols.ctrvz_vm_start(vm, token), "start again");
  await shim.stop(vm);
  assert.equal(await state(), EBADF);
}

async function streams(shim: Shim) {
  const { symbols } = shim;
  const before = descriptors();
  const vm = await shim.boot({ balloon: false });
  assert.equal(await symbols.ctrvz_vm_set_memory_target(vm, 2n ** 26n), ENODEV);

  const echo = await shim.connect(vm);
  const sent = crypto.getRandomValues(new Uint8Array(60_000));
  echo.write("echo\n");
  let got = 0;
  const all = (async () => {
    for await (const chunk of echo) {
      for (const byte of chunk as Uint8Array) assert.equal(byte, sent[got++ % sent.length]);
    }
  })();
  for (let times = 0; times < 20; times++) echo.write(sent);
  echo.end(); // half: what is on its way still comes, and then the guest's end
  await all;
  assert.equal(got, 20 * sent.length);

  const nobody = await shim.done((token) => symbols.ctrvz_vsock_connect(vm, 7777, token), "nobody");
  assert.equal(nobody.error?.code, 104);
  const deaf = shim.tell(vm, "dial 5000");
  await assert.rejects(deaf, /no/, "nobody listens on the host");
  assert.equal(await symbols.ctrvz_vsock_listen(vm, 5000), 0);
  const dialled = shim.tell(vm, "dial 5000");
  const { fd, port } = await shim.event((each) => each.event === "accept", "accept");
  assert.equal(port, 5000);
  const { Socket } = await import("node:net");
  const call = new Socket({ fd: fd! });
  assert.equal(await readLine(call), "the guest calls");
  call.write("the host hears\n");
  assert.equal(await dialled, "the host hears");
  call.destroy();
  assert.equal(await symbols.ctrvz_vsock_unlisten(vm, 5000), 0);
  await assert.rejects(shim.tell(vm, "dial 5000"), /no/);

  const open = await shim.connect(vm);
  const closed = new Promise((resolve) => open.once("close", resolve));
  open.on("data", () => {}).on("end", () => open.end());
  await shim.stop(vm);
  await closed; // a VM's connections end with it
  await settles(() => descriptors() === before, "a descriptor is left");
}

async function ends(shim: Shim) {
  const { symbols } = shim;
  const off = await shim.boot();
  const stream = await shim.connect(off);
  stream.write("off\n");
  const event = await shim.event((each) => each.event === "stopped", "power off");
  assert.deepEqual([event.vm, event.error], [off, undefined]);
  stream.destroy();
  assert.equal(await symbols.ctrvz_vm_release(off), 0);

  const commandLine = `${shim.config().commandLine} test=panic`;
  const panics = await shim.create({ commandLine });
  await shim.ok((token) => symbols.ctrvz_vm_start(panics, token), "start");
  assert.equal((await shim.event((each) => each.event === "stopped", "panic")).vm, panics);
  assert.equal(await symbols.ctrvz_vm_release(panics), 0);

  const killed = await shim.create();
  await shim.ok((token) => symbols.ctrvz_vm_start(killed, token), "start");
  for (const pid of children("qemu-system")) Deno.kill(pid, "SIGKILL");
  const died = await shim.event((each) => each.event === "stopped", "kill");
  assert.deepEqual([died.vm, died.error?.domain], [killed, "VZErrorDomain"]);
  assert.equal(await symbols.ctrvz_vm_state(killed), 3);
  await shim.ok((token) => symbols.ctrvz_vm_start(killed, token), "start after an error");
  await shim.stop(killed);

  const broken = await shim.create({ kernel: "/etc/passwd" });
  const refused = await shim.done((token) => symbols.ctrvz_vm_start(broken, token), "no kernel");
  assert.equal(refused.error?.domain, "VZErrorDomain");
  assert.equal(await symbols.ctrvz_vm_release(broken), 0);
}

async function shares(shim: Shim) {
  const folder = (name: string) => join(shim.folder, name);
  for (const name of ["one", "two", "three"]) await Deno.mkdir(folder(name));
  const directory = (name: string, readOnly: boolean) => ({ path: folder(name), readOnly });
  const vm = await shim.boot({
    shares: [{ tag: "many", folders: { a: directory("one", false), b: directory("two", true) } }],
  });
  const setShare = async (tag: string, json: string) => {
    const failure = new BigUint64Array(1);
    const cell = new Uint8Array(failure.buffer);
    const status = await shim.symbols.ctrvz_vm_set_share(vm, cString(tag), cString(json), cell);
    return [status, ...(failure[0] ? [JSON.parse(shim.textAt(failure)).message] : [])];
  };
  const listed = async (path: string) =>
    (await shim.tell(vm, `list ${path}`)).split(" ").toSorted();
  await shim.tell(vm, "mount many");
  assert.deepEqual(await listed("/share0"), ["a", "b"]);
  await shim.tell(vm, "write /share0/a/made");
  assert.equal(await Deno.readTextFile(folder("one/made")), "guest");
  await assert.rejects(shim.tell(vm, "write /share0/b/made"), /no/, "read-only");
  const changed = { folders: { a: directory("one", false), c: directory("three", false) } };
  assert.deepEqual(await setShare("many", JSON.stringify(changed)), [0]);
  await settles(
    async () => `${await listed("/share0")}` === "a,c",
    "the guest does not see the change",
  );
  await shim.tell(vm, "write /share0/c/made");
  assert.equal(await Deno.readTextFile(folder("three/made")), "guest");
  assert.deepEqual(await setShare("many", "null"), [0]);
  await settles(async () => `${await listed("/share0")}` === "", "it still sees folders");
  assert.deepEqual(await setShare("other", "null"), [ENODEV]);
  assert.deepEqual(await setShare("many", '{"path":1}'), [EINVAL, '"path" has the wrong type']);
  const failure = new BigUint64Array(1);
  const cell = new Uint8Array(failure.buffer);
  assert.equal(await shim.symbols.ctrvz_vm_can_save(vm, cell), ENOTSUP);
  assert.match(JSON.parse(shim.textAt(failure)).reason, /directory sharing device/);
  await shim.stop(vm);
  await settles(() => children("virtiofsd").length === 0, "a virtiofsd is left");
}

async function saves(shim: Shim) {
  const { symbols } = shim;
  Deno.env.set("CTRVZ_STANDIN_VSOCK", "serial"); // QEMU cannot save its vsock device
  const machineId = shim.text(symbols.ctrvz_machine_id());
  const path = join(shim.folder, "it's saved");
  const first = await shim.boot({ machineId });
  assert.equal(await symbols.ctrvz_vm_can_save(first, null), 0);
  assert.equal(await shim.tell(first, "count"), "2");
  await shim.ok((token) => symbols.ctrvz_vm_pause(first, token), "pause");
  await shim.ok((token) => symbols.ctrvz_vm_save(first, cString(path), token), "save");
  const again = await shim.done((token) => symbols.ctrvz_vm_save(first, cString(path), token), "x");
  assert.equal(again.error?.code, 11, "the file exists");
  await shim.stop(first);

  const other = await shim.create();
  const refused = await shim.done(
    (token) => symbols.ctrvz_vm_restore(other, cString(path), token),
    "restore",
  );
  assert.equal(refused.error?.code, 12, "another machine");
  assert.equal(await symbols.ctrvz_vm_release(other), 0);

  const second = await shim.create({ machineId });
  await shim.ok((token) => symbols.ctrvz_vm_restore(second, cString(path), token), "restore");
  assert.equal(await symbols.ctrvz_vm_state(second), 2, "paused");
  await shim.ok((token) => symbols.ctrvz_vm_resume(second, token), "resume");
  assert.equal(await shim.tell(second, "count"), "3", "its memory is what it was");
  await shim.stop(second);
  Deno.env.delete("CTRVZ_STANDIN_VSOCK");
}

async function arm64(shim: Shim) {
  const folder = join(shim.folder, "arm64");
  await Deno.mkdir(folder);
  const guest = await testGuest("arm64", folder, INIT);
  assert(typeof guest !== "string", String(guest));
  const disk = { path: guest.bootDisk, readOnly: true, caching: "cached", sync: "fsync" };
  const vm = await shim.boot({
    kernel: guest.kernel,
    disks: [disk],
    memoryBytes: 256 * 2 ** 20,
    nics: [{ kind: "nat", mac: MAC }],
    shares: [{ tag: "one", path: folder, readOnly: true }],
  });
  await shim.tell(vm, "mount one");
  assert.match(await shim.tell(vm, "list /share0"), /\bboot-arm64\.ext4\b/);
  await shim.stop(vm);
}

async function twoVms(shim: Shim) {
  const network = async (third: number) => {
    const ipv4 = { address: `192.168.${third}.1`, mask: "255.255.255.0" };
    const { handle, error } = await shim.make("net", { mode: "host", ipv4, dhcp: false });
    assert.equal(error, undefined);
    return handle;
  };
  const net = await network(91), apart = await network(92);
  const nics = (of: number, at: number) => [
    { kind: "vmnet", network: of, mac: `02:00:00:00:01:0${at}` },
  ];
  const vms = await Promise.all([
    shim.boot({ nics: nics(net, 1) }),
    shim.boot({ nics: nics(net, 2) }),
    shim.boot({ nics: nics(apart, 3) }),
  ]);
  // The network lives as long as its VMs.
  for (const each of [net, apart]) assert.equal(shim.symbols.ctrvz_net_release(each), 0);
  await Promise.all(vms.map((vm, at) => shim.tell(vm, `net 192.168.91.${at + 2}`)));
  await shim.tell(vms[0]!, "udp 192.168.91.3");
  await shim.tell(vms[1]!, "udp 192.168.91.2");
  await shim.tell(vms[0]!, "ping 192.168.91.1");
  await assert.rejects(shim.tell(vms[2]!, "udp 192.168.91.2"), /no/, "networks are apart");
  await Promise.all(vms.map((vm) => shim.stop(vm)));
}

/** What `standin/values.m` counts: configurations, devices, connections, VMs. */
async function released({ path }: Shim) {
  const { symbols } = Deno.dlopen(path, { ctrvzStandInLiving: { parameters: [], result: "i32" } });
  await settles(() => symbols.ctrvzStandInLiving() === 0, "an object was not released");
}

/** Children of this process, and of these, by a part of their command. */
function children(named: string): number[] {
  const all = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) =>
    pid > 0
  )
    .flatMap((pid) => {
      try {
        const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
        const command = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0")[0]!;
        return [{
          pid,
          parent: Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ")[0]),
          command,
        }];
      } catch {
        return []; // it has ended
      }
    });
  const below = (pid: number): number[] =>
    all.filter(({ parent }) => parent === pid).flatMap((each) => [each.pid, ...below(each.pid)]);
  const mine = new Set(below(Deno.pid));
  return all.filter(({ pid, command }) => mine.has(pid) && command.includes(named))
    .map(({ pid }) => pid);
}

/** For what follows soon after its cause, on other threads and in other processes. */
async function settles(isSo: () => boolean | Promise<boolean>, otherwise: string) {
  const until = performance.now() + 10_000;
  while (!await isSo()) {
    assert(performance.now() < until, otherwise);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
