import assert from "node:assert/strict";
import type { VmConfig } from "../hypervisor.ts";
import { qemuArguments } from "./arguments.ts";

const CONFIG: VmConfig = {
  id: "web",
  folder: "/vm",
  architecture: "amd64",
  kernel: "/k",
  kernelArguments: ["ctr.debug=1"],
  bootDisk: "/boot.ext4",
  disks: [{ path: "/a,b.ext4", readonly: false, serial: "upper" }],
  nics: [{ kind: "stream", mac: "52:54:00:00:00:01" }],
  cpus: 2,
  memoryBytes: 512 * 2 ** 20,
  console: "/vm/console",
};

Deno.test("qemuArguments()", async (t) => {
  const words = (changes: Partial<VmConfig>, host: Parameters<typeof qemuArguments>[1]) =>
    qemuArguments({ ...CONFIG, ...changes }, host).join(" ");
  await t.step("doubles the commas of a path, and punches holes in writable disks", () => {
    const line = words({}, { accelerator: "tcg" });
    assert.match(line, /file\.filename=\/a,,b\.ext4,.*discard=unmap,detect-zeroes=unmap/);
    assert.match(line, /serial=upper/);
  });
  await t.step("keeps the timer chip while the clock must be measured", () => {
    assert.doesNotMatch(words({}, { accelerator: "tcg" }), /pit=off|tsc_early_khz/);
    const known = words({}, { accelerator: "tcg", tscKhz: 2_500_000 });
    assert.match(known, /pit=off/);
    assert.match(known, /tsc_early_khz=2500000/);
  });
  await t.step("drops the mitigations in emulation alone", () => {
    assert.match(words({}, { accelerator: "tcg" }), /mitigations=off/);
    assert.doesNotMatch(words({}, { accelerator: "kvm" }), /mitigations/);
  });
  await t.step("puts the caller's kernel words last", () => {
    const args = qemuArguments(CONFIG, { accelerator: "kvm" });
    assert.match(args[args.indexOf("-append") + 1]!, / ctr\.debug=1$/);
  });
  await t.step("has a vsock device or a port, not both", () => {
    assert.match(words({}, { accelerator: "kvm" }), /name=ctr\.rpc/);
    const vsock = words({}, { accelerator: "kvm", cid: 77 });
    assert.match(vsock, /vhost-vsock-device,guest-cid=77/);
    assert.doesNotMatch(vsock, /ctr\.rpc/);
  });
  await t.step("uses the board of each architecture", () => {
    assert.match(words({ architecture: "arm64" }, { accelerator: "tcg" }), /-M virt,gic-version=2/);
    assert.match(words({ architecture: "arm64" }, { accelerator: "kvm" }), /gic-version=host/);
  });
  await t.step(
    "shares memory with virtiofsd alone, and keeps owners where it cannot set them",
    () => {
      const virtiofs = { transport: "virtiofs", tag: "m0", socket: "share0.sock" } as const;
      const ninep = { transport: "9p", tag: "m0", path: "/a,b", readonly: true } as const;
      const shared = words({}, { accelerator: "tcg", shares: [virtiofs] });
      assert.match(shared, /-M microvm,[^ ]*,memory-backend=ram/);
      assert.match(shared, /memory-backend-memfd,id=ram,size=512M,share=on/);
      assert.match(shared, /vhost-user-fs-device,chardev=share0,tag=m0/);
      const root = words({}, { accelerator: "tcg", shares: [{ ...ninep, privileged: true }] });
      assert.match(root, /path=\/a,,b,security_model=passthrough,[^ ]*readonly=on/);
      assert.doesNotMatch(root, /memory-backend/);
      const user = words({}, { accelerator: "tcg", shares: [{ ...ninep, privileged: false }] });
      assert.match(user, /security_model=mapped-xattr/);
    },
  );
  await t.step("says how many devices fit", () => {
    const disk = (at: number) => ({ path: "/a", readonly: true, serial: `d${at}` });
    const disks = (count: number) => Array.from({ length: count }, (_, at) => disk(at));
    assert.doesNotThrow(() => words({ disks: disks(19) }, { accelerator: "tcg" }));
    const many = () => words({ disks: disks(20) }, { accelerator: "tcg" });
    assert.throws(many, /20 disks, 1 networks and 0 shared folders do not fit, .* 20 of them/);
  });
  await t.step("refuses a serial, an address or a size that QEMU would misread", () => {
    const disks = [{ path: "/a", readonly: true, serial: "a,b" }];
    assert.throws(() => words({ disks }, { accelerator: "tcg" }), /cannot attach a disk/);
    const nics = [{ kind: "user", mac: "x,restrict=off" } as const];
    assert.throws(() => words({ nics }, { accelerator: "tcg" }), /not a MAC address/);
    const tap = (name: string) => [{ kind: "tap", mac: "52:54:00:00:00:01", name } as const];
    const made = String(words({ nics: tap("ctp0a1b2c3d4e5f") }, { accelerator: "tcg" }));
    assert.match(made, /tap,id=nic0,ifname=ctp0a1b2c3d4e5f,script=no,downscript=no/);
    for (const name of ["a,script=/x", "", "sixteencharacter"]) {
      assert.throws(() => words({ nics: tap(name) }, { accelerator: "tcg" }), /no name of a tap/);
    }
    assert.throws(() => words({ memoryBytes: 1 }, { accelerator: "tcg" }), /at least 32 MiB/);
  });
});
