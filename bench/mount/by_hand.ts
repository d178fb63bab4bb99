import { join } from "node:path";
import { tscKhz } from "../../src/host/mod.ts";
import { findGuestAssets } from "../../src/vm/mod.ts";
import { findVirtiofsd } from "../../src/hypervisor/qemu/virtiofsd.ts";

const INIT = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t virtiofs shared /data
/bin/busybox sh /work.sh /data > /dev/console
echo done > /dev/console
/bin/busybox reboot -f
`;

/** Makes the disk of a guest that mounts the share, runs `work.sh` with `busybox`, and ends. */
export async function makeDisk(folder: string, busybox: string): Promise<string> {
  const root = join(folder, "root");
  for (const name of ["bin", "sbin", "dev", "proc", "sys", "data"]) {
    await Deno.mkdir(join(root, name), { recursive: true });
  }
  await Deno.copyFile(busybox, join(root, "bin/busybox"));
  for (const name of ["sh", "tar", "dd"]) await Deno.symlink("busybox", join(root, "bin", name));
  await Deno.copyFile(new URL("work.sh", import.meta.url), join(root, "work.sh"));
  await Deno.writeTextFile(join(root, "sbin/init"), INIT, { mode: 0o755 });
  await Deno.chmod(join(root, "bin/busybox"), 0o755);
  const disk = join(folder, "by-hand.ext4");
  await output("/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, disk, "16M");
  return disk;
}

/** Boots it beside a virtiofsd with its own defaults, as its manual says. @returns What it printed. */
export async function runByHand(
  disk: string,
  shared: string,
  folder: string,
  memoryMib: number,
): Promise<string> {
  const program = await findVirtiofsd();
  if (program?.dialect !== "c") throw new Error("this bench wants QEMU's virtiofsd, and root");
  const socket = join(folder, "by-hand.sock");
  await Deno.remove(socket).catch(() => {});
  const daemon = new Deno.Command(program.path, {
    args: [`--socket-path=${socket}`, "-o", `source=${shared}`],
    stdout: "null",
    stderr: "null",
  }).spawn();
  while (!await Deno.lstat(socket).then(() => true, () => false)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { kernel } = await findGuestAssets("amd64");
  const ended = daemon.status;
  try {
    return await output(
      ...["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
      ...[
        "-M",
        "microvm,acpi=on,x-option-roms=off,isa-serial=off,pit=off,pic=off,memory-backend=mem",
      ],
      ...["-accel", "tcg,thread=single,tb-size=128", "-cpu", "max,-svm,-erms,-fsrm"],
      ...["-global", "virtio-mmio.force-legacy=false", "-smp", "1", "-m", `${memoryMib}M`],
      ...["-object", `memory-backend-memfd,id=mem,size=${memoryMib}M,share=on`],
      ...["-chardev", `socket,id=share,path=${socket}`],
      ...["-device", "vhost-user-fs-device,chardev=share,tag=shared"],
      ...["-drive", `if=none,id=root,format=raw,readonly=on,file=${disk}`],
      ...["-device", "virtio-blk-device,drive=root"],
      ...["-chardev", "stdio,id=console", "-device", "virtio-serial-device"],
      ...["-device", "virtconsole,chardev=console", "-kernel", kernel, "-append"],
      `console=hvc0 quiet root=/dev/vda ro rootfstype=ext4 panic=-1 reboot=t noreplace-smp ` +
        `8250.nr_uarts=0 mitigations=off tsc_early_khz=${tscKhz()} tsc=reliable no_timer_check`,
    );
  } finally {
    await ended;
    await Deno.remove(socket).catch(() => {});
  }
}

async function output(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    stdin: "null",
    signal: AbortSignal.timeout(600_000),
  }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).replaceAll("\r", "");
}
