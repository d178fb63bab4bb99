import { resolve } from "node:path";
import { CtrError } from "../../core/mod.ts";
import { type Architecture, type Disk, type Nic, nicSocket, type VmConfig } from "../hypervisor.ts";
import type { ShareDevice } from "./shares.ts";

/** Names in the VM's folder, where QEMU is started, so that no path is too long for a socket. */
export const SOCKETS = { monitor: "qmp.sock", rpc: "rpc.sock", console: "console.sock" } as const;

/** The one port of the guest where the host has no vsock: `/dev/virtio-ports/ctr.rpc`. */
export const RPC_PORT_NAME = "ctr.rpc";

export type Accelerator = "kvm" | "tcg";

/** What the host decides, beside the VM's own configuration. */
export interface HostChoices {
  readonly accelerator: Accelerator;
  /** Guest CID; absent: a virtio-serial port carries the connection. */
  readonly cid?: number | undefined;
  /** See `tscKhz()`: spares an emulated x86 guest the measurement. */
  readonly tscKhz?: number | undefined;
  readonly shares?: readonly ShareDevice[] | undefined;
}

/**
 * The arguments that run `config`. Pure: the same input gives the same words.
 *
 * Sockets are relative to the VM's folder, which must be the working folder; everything else is
 * absolute. The stream NICs' sockets are `nic<N>.sock`.
 */
export function qemuArguments(config: VmConfig, host: HostChoices): string[] {
  checkSlots(config, host);
  return [
    ...["-name", `ctr-${config.id}`],
    ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
    ...machine(config, host),
    ...["-m", `${mebibytes(config.memoryBytes)}M`, "-smp", String(config.cpus)],
    ...memory(config, host),
    ...["-kernel", absolute(config.kernel), "-append", commandLine(config, host)],
    ...["-chardev", `socket,id=qmp,path=${SOCKETS.monitor},server=on,wait=off`],
    ...["-mon", "chardev=qmp,mode=control"],
    ...["-chardev", `socket,id=console,path=${SOCKETS.console},server=on,wait=off`],
    ...["-device", `virtio-serial-device,max_ports=${host.cid === undefined ? 2 : 1}`],
    ...["-device", "virtconsole,chardev=console"],
    ...rpc(host),
    ...["-object", "rng-random,id=entropy,filename=/dev/urandom"],
    ...["-device", "virtio-rng-device,rng=entropy"],
    ...["-device", "virtio-balloon-device,free-page-reporting=on,deflate-on-oom=on"],
    ...disks(config),
    ...config.nics.flatMap(nic),
    ...(host.shares ?? []).flatMap(share),
    ...["-sandbox", SANDBOX],
  ];
}

/** No new programs, no other user IDs, no old system calls, no priorities: QEMU needs none. */
const SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

function machine({ architecture }: VmConfig, host: HostChoices): string[] {
  const { accelerator, tscKhz } = host;
  const backend = hasVirtiofs(host) ? ",memory-backend=ram" : "";
  const ram = `mem-merge=off,dump-guest-core=off${backend}`;
  // The modern virtio-mmio interface; legacy is the default of these machines' transports.
  const modern = ["-global", "virtio-mmio.force-legacy=false"];
  if (architecture === "arm64") {
    return accelerator === "kvm"
      ? ["-M", `virt,gic-version=host,${ram}`, "-accel", "kvm", "-cpu", "host", ...modern]
      : ["-M", `virt,gic-version=2,${ram}`, ...EMULATE, "-cpu", "max,pauth-impdef=on", ...modern];
  }
  // Described by ACPI the board has 24 virtio slots instead of 8, and boots no slower. The RTC stays:
  // without it the firmware waits for seconds.
  const microvm = "microvm,acpi=on,x-option-roms=off,isa-serial=off";
  if (accelerator === "kvm") {
    return ["-M", `${microvm},pit=off,pic=off,${ram}`, "-accel", "kvm", "-cpu", "host", ...modern];
  }
  // A kernel that must measure its clock needs the timer chip, and waits for ever without one.
  const chips = tscKhz === undefined ? "" : ",pit=off,pic=off";
  // Without SVM no nested KVM is set up at boot; emulated, it would be of no use. Without ERMS and
  // FSRM the kernel copies by words: emulated `rep movsb` goes byte by byte, four times slower.
  return [
    "-M",
    `${microvm}${chips},${ram}`,
    ...EMULATE_X86,
    "-cpu",
    "max,-svm,-erms,-fsrm",
    ...modern,
  ];
}

/** Of virtio devices: microvm described by ACPI, and virt. */
const SLOTS: Readonly<Record<Architecture, number>> = { amd64: 24, arm64: 32 };

/** QEMU would say that there is no bus. */
function checkSlots({ id, architecture, disks, nics }: VmConfig, host: HostChoices): void {
  const shares = host.shares?.length ?? 0;
  const fixed = host.cid === undefined ? 4 : 5; // serial, entropy, balloon, the boot disk; vsock
  const wanted = fixed + disks.length + nics.length + shares;
  const slots = SLOTS[architecture];
  if (wanted <= slots) return;
  const fact =
    `${disks.length} disks, ${nics.length} networks and ${shares} shared folders do not fit, ` +
    `a VM has room for ${slots - fixed} of them together`;
  throw new CtrError("unsupported", `cannot start VM "${id}": ${fact}`, {
    hint: "mount fewer folders and volumes: one folder above several of them takes one place",
  });
}

/** virtiofsd reads and writes the guest's memory, so it must be memory that can be shared. */
function memory(config: VmConfig, host: HostChoices): string[] {
  if (!hasVirtiofs(host)) return [];
  const size = `${mebibytes(config.memoryBytes)}M`;
  return ["-object", `memory-backend-memfd,id=ram,size=${size},share=on`];
}

function hasVirtiofs({ shares }: HostChoices): boolean {
  return shares?.some(({ transport }) => transport === "virtiofs") ?? false;
}

const EMULATE = ["-accel", "tcg,thread=multi,tb-size=128"];
/**
 * x86 kernels patch their own code while they run. With a thread for each CPU, QEMU 7.2 lets another
 * CPU meet a half-patched instruction: one boot in forty died of an invalid opcode inside a NOP.
 * One thread for all CPUs boots no slower and has no such race.
 */
const EMULATE_X86 = ["-accel", "tcg,thread=single,tb-size=128"];

function rpc({ cid }: HostChoices): string[] {
  if (cid !== undefined) return ["-device", `vhost-vsock-device,guest-cid=${cid}`];
  return [
    ...["-chardev", `socket,id=rpc,path=${SOCKETS.rpc},server=on,wait=off`],
    ...["-device", `virtserialport,chardev=rpc,id=rpc,name=${RPC_PORT_NAME}`],
  ];
}

/**
 * The boot disk must be the kernel's `vda`; the others go by serial. A kernel that is told its devices
 * by ACPI counts them as they are listed here, one that is told by device tree counts backwards.
 */
function disks({ architecture, bootDisk, disks }: VmConfig): string[] {
  const boot = { path: bootDisk, readonly: true, serial: "boot" };
  const groups = [boot, ...disks].map(disk);
  return (architecture === "arm64" ? groups.reverse() : groups).flat();
}

/**
 * `cache=writeback` with flushes honoured: what the guest syncs is on the host's disk, what it does
 * not sync costs nothing. Discards and zeroes become holes, so a disk pays for what it holds. When the
 * host's disk is full the guest gets an error, as it would of a broken disk: QEMU's default is to stop
 * the guest in silence until somebody tells it to go on.
 */
function disk({ path, readonly, serial, volatile }: Disk, at: number): string[] {
  if (!/^[\x21-\x7e]{1,20}$/.test(serial) || serial.includes(",")) {
    throw new CtrError(
      "usage",
      `cannot attach a disk as "${serial}": want 1 to 20 ASCII characters`,
    );
  }
  const file = `file.driver=file,file.filename=${escapeCommas(absolute(path))},file.aio=threads`;
  // A file that is shared read-only between VMs needs no lock; a writable one must have it.
  const access = readonly
    ? "read-only=on,file.locking=off"
    : "read-only=off,file.locking=auto,discard=unmap,detect-zeroes=unmap,werror=report";
  const cache = volatile ? "cache=unsafe" : "cache=writeback";
  return [
    ...["-drive", `if=none,id=disk${at},driver=raw,${file},${access},${cache}`],
    ...["-device", `virtio-blk-device,drive=disk${at},serial=${serial}`],
  ];
}

function nic(nic: Nic, at: number): string[] {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(nic.mac)) {
    throw new CtrError("usage", `cannot add a network device: "${nic.mac}" is not a MAC address`);
  }
  if (nic.kind === "nat" || nic.kind === "vmnet") {
    throw new CtrError("unsupported", `cannot add a network device of ${nic.kind}: it needs macOS`);
  }
  return [
    "-netdev",
    backend(nic, `nic${at}`, at),
    "-device",
    `virtio-net-device,netdev=nic${at},mac=${nic.mac}`,
  ];
}

function backend(nic: Nic, id: string, at: number): string {
  if (nic.kind === "user") return `user,id=${id}`;
  if (nic.kind !== "tap") {
    return `stream,id=${id},server=on,addr.type=unix,addr.path=${nicSocket(at)}`;
  }
  if (!/^[a-z0-9]{1,15}$/.test(nic.name)) {
    throw new CtrError("usage", `cannot add a network device: "${nic.name}" is no name of a tap`);
  }
  return `tap,id=${id},ifname=${nic.name},script=no,downscript=no`;
}

/**
 * 9p: files of several file systems get different inode numbers. Where owners cannot be set on the host
 * they are kept in extended attributes, and the guest sees them; the host sees files of its own user.
 */
function share(device: ShareDevice, at: number): string[] {
  const { tag } = device;
  if (device.transport === "virtiofs") {
    return [
      ...["-chardev", `socket,id=share${at},path=${device.socket}`],
      ...["-device", `vhost-user-fs-device,chardev=share${at},tag=${tag},queue-size=1024`],
    ];
  }
  const owners = device.privileged
    ? "security_model=passthrough"
    : "security_model=mapped-xattr,fmode=0644,dmode=0755";
  const access = device.readonly ? ",readonly=on" : "";
  const path = escapeCommas(device.path);
  return [
    ...["-fsdev", `local,id=share${at},path=${path},${owners},multidevs=remap${access}`],
    ...["-device", `virtio-9p-device,fsdev=share${at},mount_tag=${tag}`],
  ];
}

function commandLine(config: VmConfig, host: HostChoices): string {
  const words = ["console=hvc0", "quiet", "root=/dev/vda", "ro", "rootfstype=ext4", "panic=-1"];
  if (config.architecture === "amd64") words.push("reboot=t", "noreplace-smp", "8250.nr_uarts=0");
  if (host.accelerator === "tcg") {
    // Speculation does not leak through an emulator that does not speculate on the guest's behalf.
    words.push("mitigations=off");
    if (config.architecture === "amd64" && host.tscKhz !== undefined) {
      words.push(`tsc_early_khz=${host.tscKhz}`, "tsc=reliable", "no_timer_check");
      // The emulated timer counts nanoseconds. Measured by a guest that is held up meanwhile, it would
      // be off by a factor, or taken for none: then the guest sleeps for ever (kernel/patches).
      words.push("lapic_timer_hz=1000000000");
    }
  }
  return [...words, ...config.kernelArguments].join(" ");
}

/** The first QEMU architecture word of an OCI one. */
export function qemuSystem(architecture: Architecture): string {
  return architecture === "amd64" ? "qemu-system-x86_64" : "qemu-system-aarch64";
}

function mebibytes(bytes: number): number {
  const whole = Math.floor(bytes / 2 ** 20);
  if (whole >= 32) return whole;
  throw new CtrError("usage", `cannot give a VM ${whole} MiB of memory: it needs at least 32 MiB`);
}

function absolute(path: string): string {
  return resolve(path);
}

/** QEMU splits option values at commas; a doubled one stands for itself. */
function escapeCommas(text: string): string {
  return text.replaceAll(",", ",,");
}
