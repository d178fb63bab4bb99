import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { connectGuest, type GuestClient, type NetworkSpec } from "../../src/guest/mod.ts";
import { tscKhz } from "../../src/host/mod.ts";
import { findGuestAssets } from "../../src/vm/mod.ts";
import { collect, container } from "../../tests/guest/vm.ts";
import type { Figures } from "./load.ts";

const DEADLINE_MS = 60_000;
const MEMORY_MIB = 512;
/** Where each guest's program listens. */
export const GUEST_PORT = 7000;

export interface HandNic {
  /** What is behind it, as `-netdev` takes it, without its ID. */
  readonly backend: string;
  readonly mac: string;
  /** CIDR. */
  readonly address: string;
  readonly mtu: number;
}

export interface HandOptions {
  readonly name: string;
  /** An ext4 with `/load`. */
  readonly layer: string;
  readonly folder: string;
  readonly nics: readonly HandNic[];
}

/**
 * A guest of the same kernel, with a network of each kind, in a QEMU that no driver of ctr starts: so that the kinds
 * are measured in turn on the same VM. Its machine is what the driver makes.
 */
export class HandGuest implements AsyncDisposable {
  readonly #qemu: Deno.ChildProcess;
  readonly #guest: GuestClient;
  #runs = 0;

  private constructor(qemu: Deno.ChildProcess, guest: GuestClient) {
    this.#qemu = qemu;
    this.#guest = guest;
  }

  /** Resolves when its program listens. */
  static async start(options: HandOptions): Promise<HandGuest> {
    const { name, folder, layer, nics } = options;
    const { kernel, bootDisk } = await findGuestAssets("amd64");
    const socket = join(folder, `${name}.sock`);
    const qemu = new Deno.Command("qemu-system-x86_64", {
      args: [
        ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
        ...["-M", "microvm,acpi=on,x-option-roms=off,isa-serial=off,pit=off,pic=off"],
        ...["-accel", "tcg,thread=single,tb-size=128", "-cpu", "max,-svm,-erms,-fsrm"],
        ...["-global", "virtio-mmio.force-legacy=false", "-smp", "1", "-m", `${MEMORY_MIB}M`],
        ...["-kernel", kernel, "-append", commandLine()],
        ...disk("boot", bootDisk),
        ...disk("layer0", layer),
        ...["-device", "virtio-serial-device"],
        ...["-chardev", `file,id=console,path=${socket}.console`],
        ...["-device", "virtconsole,chardev=console"],
        ...["-chardev", `socket,id=rpc,path=${socket},server=on,wait=off`],
        ...["-device", "virtserialport,chardev=rpc,name=ctr.rpc"],
        ...nics.flatMap(({ backend, mac }, at) => {
          const [kind, ...rest] = backend.split(",");
          const netdev = [kind, `id=nic${at}`, ...rest].join(",");
          return ["-netdev", netdev, "-device", `virtio-net-device,netdev=nic${at},mac=${mac}`];
        }),
      ],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    try {
      const guest = await connectGuest(await open(socket), {
        hostVersion: "bench",
        transport: "serial",
        deadlineMs: DEADLINE_MS,
      });
      await guest.startContainer(container(["/load", "serve", `:${GUEST_PORT}`], {
        hostname: name,
        network: { interfaces: interfaces(nics) },
      }));
      for await (const event of guest.output("c1", 0)) {
        if (event.kind === "exit") throw new Error(`its program ended with ${event.status}`);
        break; // it has said that it is ready
      }
      return new HandGuest(qemu, guest);
    } catch (error) {
      qemu.kill("SIGKILL");
      const console = await Deno.readTextFile(`${socket}.console`).catch(() => "");
      throw new Error(`guest ${name} failed; its console: ${console}`, { cause: error });
    }
  }

  /** Runs the program once more. */
  async load(...args: string[]): Promise<Figures> {
    const id = `load${this.#runs++}`;
    await this.#guest.startProcess("c1", { id, args: ["/load", ...args] });
    const { out, err, exit } = await collect(this.#guest, id);
    await this.#guest.forget(id);
    if (out === "") throw new Error(`load ${args.join(" ")}: ${err} ${JSON.stringify(exit)}`);
    return JSON.parse(out);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#guest.close();
    this.#qemu.kill("SIGKILL");
    await this.#qemu.status;
  }
}

function interfaces(nics: readonly HandNic[]): NonNullable<NetworkSpec["interfaces"]> {
  return nics.map(({ mac, address, mtu }, at) => ({
    mac,
    name: `eth${at}`,
    addresses: [address],
    mtu,
  }));
}

function disk(serial: string, path: string): string[] {
  return [
    ...["-drive", `if=none,id=${serial},format=raw,readonly=on,file=${path},file.locking=off`],
    ...["-device", `virtio-blk-device,drive=${serial},serial=${serial}`],
  ];
}

function commandLine(): string {
  return "console=hvc0 quiet root=/dev/vda ro rootfstype=ext4 panic=-1 reboot=t noreplace-smp " +
    `mitigations=off lapic_timer_hz=1000000000 tsc_early_khz=${tscKhz()} tsc=reliable no_timer_check`;
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
