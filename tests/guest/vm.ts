import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { isCtrError } from "../../src/core/mod.ts";
import {
  connectGuest,
  type ContainerSpec,
  type GuestClient,
  type OutputEvent,
} from "../../src/guest/mod.ts";

/** A real VM under emulation, started without any of ctr's drivers, for tests of the guest alone. */

export type Arch = "x86_64" | "arm64";
const root = join(import.meta.dirname!, "../..");

async function output(program: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, cwd: root }).output();
  if (!success) {
    throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
  return new TextDecoder().decode(stdout).trim();
}

/** Builds, or finds, what a guest of `arch` boots from. `CTR_KERNEL_<ARCH>` names another kernel. */
export async function bootFiles(arch: Arch): Promise<{ kernel: string; disk: string }> {
  const [kernel, disk] = await Promise.all([
    Deno.env.get(`CTR_KERNEL_${arch.toUpperCase()}`) || output("kernel/build", [arch]),
    output("guest/build", [arch]),
  ]);
  return { kernel, disk };
}

/** Makes an ext4 image from a folder (`undefined`: empty). */
export async function ext4(path: string, size: string, from?: string): Promise<void> {
  await output("truncate", ["-s", size, path]);
  const source = from ? ["-d", from, "-O", "^has_journal"] : [];
  await output("mke2fs", ["-q", "-F", "-t", "ext4", "-E", "root_owner=0:0", ...source, path]);
}

/** A layer that holds the probe, users, and what an attacker might put there. */
export async function probeLayer(folder: string, arch: Arch): Promise<string> {
  const tree = join(folder, `tree-${arch}`);
  for (const name of ["bin", "etc", "tmp", "home/alice", "data"]) {
    await Deno.mkdir(join(tree, name), { recursive: true });
  }
  const gcc = arch === "arm64" ? "aarch64-linux-gnu-gcc" : "gcc";
  const probe = join(tree, "bin/probe");
  await output(gcc, ["-static", "-Os", "-s", "-o", probe, "tests/guest/fixture/probe.c"]);
  await Deno.chmod(join(tree, "tmp"), 0o1777);
  await Deno.writeTextFile(
    join(tree, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1001:A:/home/alice:/bin/sh\n",
  );
  await Deno.writeTextFile(join(tree, "etc/group"), "root:x:0:\nalice:x:1001:\naudio:x:29:alice\n");
  await Deno.writeTextFile(join(tree, "bin/text"), "no program\n", { mode: 0o755 });
  await Deno.writeTextFile(join(tree, "bin/plain"), "no program\n", { mode: 0o644 });
  await Deno.writeTextFile(join(tree, "data/victim"), "untouched\n");
  await Deno.symlink("/data/victim", join(tree, "etc/resolv.conf"));
  await Deno.symlink("../../../../../../data/victim", join(tree, "etc/hosts"));
  const image = join(folder, `layer-${arch}.ext4`);
  await ext4(image, "8M", tree);
  return image;
}

export interface VmOptions {
  readonly arch?: Arch;
  readonly disks?: readonly { path: string; serial: string; readonly: boolean }[];
  readonly nic?: string;
  readonly append?: string;
  readonly memory?: string;
  /** arm64: on PCI and behind a GICv3, with all devices that Virtualization.framework has, instead of on mmio. */
  readonly pci?: boolean;
}

export class TestVm implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #socket: string;
  readonly #console: string;

  private constructor(process: Deno.ChildProcess, socket: string, console: string) {
    this.#process = process;
    this.#socket = socket;
    this.#console = console;
  }

  static async start(folder: string, options: VmOptions = {}): Promise<TestVm> {
    const arch = options.arch ?? "x86_64";
    const { kernel, disk } = await bootFiles(arch);
    const socket = join(folder, `rpc-${crypto.randomUUID().slice(0, 8)}.sock`);
    const console = `${socket}.console`;
    const disks = [{ path: disk, serial: "boot", readonly: true }, ...options.disks ?? []];
    // The "virt" machine hands its transports out from the last one on, so what comes last is vda.
    const { pci = false } = options;
    if (arch === "arm64" && !pci) disks.reverse();
    const rom = pci ? ",romfile=" : "";
    const bus = pci ? "pci" : "device";
    const append = [
      "console=hvc0 quiet root=/dev/vda rootfstype=ext4 ro init=/vminitd panic=-1",
      "mitigations=off",
      ...(arch === "x86_64" ? ["reboot=t noreplace-smp tsc=reliable no_timer_check"] : []),
      options.append ?? "",
    ];
    const machine = arch === "x86_64"
      ? [
        "-M",
        "microvm,acpi=off,x-option-roms=off,isa-serial=off,auto-kernel-cmdline=on",
        "-cpu",
        "max,-svm,-erms,-fsrm",
      ]
      : ["-M", `virt,gic-version=${pci ? 3 : 2}`, "-cpu", "max,pauth-impdef=on"];
    const args = [
      ...machine,
      "-accel",
      `tcg,thread=${arch === "x86_64" ? "single" : "multi"}`, // docs/decisions/0003
      "-global",
      "virtio-mmio.force-legacy=false",
      "-nodefaults",
      "-no-user-config",
      "-no-reboot",
      "-display",
      "none",
      "-smp",
      "2",
      "-m",
      options.memory ?? "384",
      "-kernel",
      kernel,
      "-append",
      append.join(" "),
      ...disks.flatMap(({ path, serial, readonly }, at) => [
        "-drive",
        `if=none,id=d${at},format=raw,file=${path},readonly=${readonly ? "on" : "off"},` +
        "file.locking=off,discard=unmap",
        "-device",
        `virtio-blk-${bus},drive=d${at},serial=${serial}`,
      ]),
      "-device",
      `virtio-serial-${bus},max_ports=4`,
      "-chardev",
      `file,id=con,path=${console}`,
      "-device",
      "virtconsole,chardev=con",
      "-chardev",
      `socket,id=rpc,path=${socket},server=on,wait=off`,
      "-device",
      "virtserialport,chardev=rpc,name=ctr.rpc",
      ...(options.nic
        ? [
          "-netdev",
          "user,id=n0",
          "-device",
          `virtio-net-${bus},netdev=n0,mac=${options.nic}${rom}`,
        ]
        : []),
      ...(pci ? ["-device", "virtio-rng-pci", "-device", "virtio-balloon-pci"] : []),
    ];
    const program = arch === "x86_64" ? "qemu-system-x86_64" : "qemu-system-aarch64";
    const process = new Deno.Command(program, { args, stdout: "null", stderr: "inherit" }).spawn();
    return new TestVm(process, socket, console);
  }

  /** Opens the port's stream; QEMU makes the socket a moment after it was started. */
  async open(): Promise<Socket> {
    for (let attempt = 0;; attempt++) {
      const socket = connect(this.#socket);
      try {
        await new Promise<void>((resolve, reject) =>
          socket.once("connect", resolve).once("error", reject)
        );
        return socket;
      } catch (error) {
        if (attempt > 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  }

  /**
   * Connects, and tries again when nobody answers: QEMU's port can stay throttled when its last host
   * left in the middle of a write, until the next one leaves.
   */
  async connect(opened: (socket: Socket) => void = () => {}): Promise<GuestClient> {
    for (let attempt = 0;; attempt++) {
      const socket = await this.open();
      opened(socket);
      try {
        const deadlineMs = 5_000;
        return await connectGuest(socket, { hostVersion: "test", transport: "serial", deadlineMs });
      } catch (error) {
        if (!isCtrError(error, "timeout") || attempt === 20) throw error;
        console.log(`attempt ${attempt} to connect went unanswered`);
      }
    }
  }

  async consoleText(): Promise<string> {
    return await Deno.readTextFile(this.#console);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // it has ended
    }
    await this.#process.status;
  }
}

export interface Result {
  readonly out: string;
  readonly err: string;
  readonly exit: Extract<OutputEvent, { kind: "exit" }>;
}

/** Takes a process's output to its end. */
export async function collect(guest: GuestClient, id: string): Promise<Result> {
  const text = ["", "", ""];
  const decoder = new TextDecoder();
  for await (const event of guest.output(id, 0)) {
    if (event.kind === "exit") return { out: text[1]!, err: text[2]!, exit: event };
    text[event.stream] += decoder.decode(event.data);
    await guest.acknowledge(id, event.offset + event.data.length);
  }
  throw new Error("the output has no exit");
}

export const CAPABILITIES = [
  ..."AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW".split(" "),
  ..."SETFCAP SETGID SETPCAP SETUID SYS_CHROOT".split(" "),
].map((name) => `CAP_${name}`);

/** What ctr asks for by default, with a program that runs until it is told to end. */
export function container(args: string[], more: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    containerId: "c1",
    hostname: "box",
    rootfs: { layerSerials: ["layer0"], upperSerial: "" },
    process: { id: "c1", args, security: { capabilities: CAPABILITIES } },
    maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/cmdline", "/proc/scsi", "/sys/firmware"],
    readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    network: { nameservers: ["10.0.2.3"], search: ["example.test"] },
    ...more,
  };
}
