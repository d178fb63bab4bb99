import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { makeEmptyExt4 } from "../../src/ext4/mod.ts";
import { connectGuest } from "../../src/guest/mod.ts";
import { tscKhz } from "../../src/host/mod.ts";
import { findGuestAssets } from "../../src/vm/mod.ts";
import { collect, container } from "../../tests/guest/vm.ts";

const DEADLINE_MS = 120_000;

export interface HandOptions {
  /** Of the image, an ext4. */
  readonly layer: string;
  /** For its files while it runs. */
  readonly folder: string;
  readonly volumeBytes: number;
  readonly memoryMib: number;
  readonly args: readonly string[];
}

/**
 * Runs a program of the image in the same guest with an empty volume at /data, in a QEMU that no driver of
 * ctr starts: one CPU, a disk for each file, a line for requests.
 *
 * @returns What it printed.
 */
export async function runByHand(options: HandOptions): Promise<string> {
  const { folder, layer, volumeBytes, memoryMib } = options;
  const { kernel, bootDisk } = await findGuestAssets("amd64");
  const [volume, socket] = [join(folder, "by-hand.ext4"), join(folder, "by-hand.sock")];
  await Deno.remove(volume).catch(() => {});
  await makeEmptyExt4(volume, volumeBytes, { journal: true });
  const qemu = new Deno.Command("qemu-system-x86_64", {
    args: [
      ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
      ...["-M", "microvm,acpi=on,x-option-roms=off,isa-serial=off"],
      ...["-accel", "tcg,thread=single,tb-size=128", "-cpu", "max,-svm,-erms,-fsrm"],
      ...["-global", "virtio-mmio.force-legacy=false", "-smp", "1", "-m", `${memoryMib}M`],
      ...["-kernel", kernel, "-append", commandLine()],
      ...drive("boot", bootDisk, "read-only=on"),
      ...drive("layer0", layer, "read-only=on,file.locking=off"),
      ...drive("volume", volume, "read-only=off,discard=unmap,detect-zeroes=unmap"),
      ...["-device", "virtio-serial-device", "-chardev", `file,id=console,path=${socket}.console`],
      ...["-device", "virtconsole,chardev=console"],
      ...["-chardev", `socket,id=rpc,path=${socket},server=on,wait=off`],
      ...["-device", "virtserialport,chardev=rpc,name=ctr.rpc"],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  try {
    return await ask(await open(socket), options.args);
  } catch (error) {
    const console = await Deno.readTextFile(`${socket}.console`).catch(() => "");
    throw new Error(`the guest started by hand failed; its console: ${console}`, { cause: error });
  } finally {
    qemu.kill("SIGKILL");
    await qemu.status;
    await Deno.remove(socket).catch(() => {});
  }
}

async function ask(stream: Socket, args: readonly string[]): Promise<string> {
  const late = setTimeout(() => stream.destroy(new Error("it takes too long")), DEADLINE_MS);
  const guest = await connectGuest(stream, {
    hostVersion: "bench",
    transport: "serial",
    deadlineMs: DEADLINE_MS,
  });
  try {
    const mount = { type: "ext4", source: "volume", destination: "/data", options: [] };
    // As `ctr run -m 1g` asks for: what a limit costs in the guest is no matter of the disk.
    const limits = { memoryBytes: 1024 ** 3 };
    await guest.startContainer(container([...args], { mounts: [mount], limits }));
    const { out, err, exit } = await collect(guest, "c1");
    if (exit.status !== 0) throw new Error(`ended with ${exit.status}: ${err}`);
    return out;
  } finally {
    clearTimeout(late);
    guest.close();
  }
}

/** Cached and driven as the disk of a volume is. */
function drive(serial: string, path: string, access: string): string[] {
  const file = `driver=raw,file.driver=file,file.filename=${path},file.aio=threads`;
  return [
    ...["-drive", `if=none,id=${serial},${file},${access},cache=writeback`],
    ...["-device", `virtio-blk-device,drive=${serial},serial=${serial}`],
  ];
}

function commandLine(): string {
  const khz = tscKhz();
  const clock = khz === undefined ? "" : ` tsc_early_khz=${khz} tsc=reliable no_timer_check`;
  return "console=hvc0 quiet root=/dev/vda ro rootfstype=ext4 panic=-1 reboot=t noreplace-smp " +
    `mitigations=off lapic_timer_hz=1000000000${clock}`;
}

/** QEMU makes the socket a moment after it was started. */
async function open(path: string): Promise<Socket> {
  for (const until = performance.now() + 10_000;;) {
    const socket = connect(path);
    try {
      await new Promise<void>((resolve, reject) =>
        socket.once("connect", resolve).once("error", reject)
      );
      return socket;
    } catch (error) {
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}
