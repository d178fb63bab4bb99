/** Programs of other architectures in a VM of the host's own: QEMU's user mode emulators, by binfmt_misc. */
import { CtrError } from "../../core/mod.ts";
import { findAsset, hostArchitecture } from "../../host/mod.ts";
import { type Architecture, type EmulatorSpec, findGuestAssets } from "../../vm/mod.ts";
import type { RunContext } from "./context.ts";

/** Serial of the disk that the emulators are on. */
export const EMULATORS_SERIAL = "emulators";

const BUILD_NAME: Readonly<Record<Architecture, string>> = { amd64: "x86_64", arm64: "arm64" };

/** Of ELF: its identification, then type and machine. */
function elf(bits: 32 | 64, order: "little" | "big", machine: number) {
  const little = order === "little";
  const kind = little ? [2, 0, machine & 0xff, machine >> 8] : [0, 2, machine >> 8, machine & 0xff];
  const magic = [0x7f, 0x45, 0x4c, 0x46, bits === 64 ? 2 : 1, little ? 1 : 2, 1, 0];
  // The ABI's version and the padding are not looked at; executables and shared objects are both run.
  const mask = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
  return {
    magic: Uint8Array.from([...magic, 0, 0, 0, 0, 0, 0, 0, 0, ...kind]),
    mask: Uint8Array.from([
      ...mask,
      ...[0, 0, 0, 0, 0, 0, 0, 0],
      ...little ? [0xfe, 0xff, 0xff, 0xff] : [0xff, 0xfe, 0xff, 0xff],
    ]),
  };
}

/** By OCI's name: QEMU's name, and how its programs begin. */
const KNOWN: Readonly<Record<string, { readonly qemu: string } & ReturnType<typeof elf>>> = {
  amd64: { qemu: "x86_64", ...elf(64, "little", 62) },
  arm64: { qemu: "aarch64", ...elf(64, "little", 183) },
  arm: { qemu: "arm", ...elf(32, "little", 40) },
  "386": { qemu: "i386", ...elf(32, "little", 3) },
  riscv64: { qemu: "riscv64", ...elf(64, "little", 243) },
  ppc64le: { qemu: "ppc64le", ...elf(64, "little", 21) },
  s390x: { qemu: "s390x", ...elf(64, "big", 22) },
  loong64: { qemu: "loongarch64", ...elf(64, "little", 258) },
  mips64le: { qemu: "mips64el", ...elf(64, "little", 8) },
};

/** How the steps of a platform are run. */
export interface Route {
  /** Of the VM. */
  readonly vm: Architecture;
  /** What the VM needs for programs that are not its own. */
  readonly emulator: EmulatorSpec | undefined;
  /** Path of the disk of emulators that the VM gets; undefined where there is none. */
  readonly disk: string | undefined;
}

/**
 * Decides how programs of an architecture are run. Where the host's processor runs the guest, they are emulated one
 * by one in a VM of its own architecture, which is faster than a whole emulated VM; where the guest is emulated
 * anyway, a VM of their own architecture is.
 *
 * @throws {CtrError} `unsupported` if they cannot be run here.
 */
export async function routeOf(context: RunContext, architecture: string): Promise<Route> {
  const own = hostArchitecture();
  const disk = await findEmulators(own);
  if (architecture === own || architecture === "386" && own === "amd64") {
    return { vm: own, emulator: undefined, disk };
  }
  const emulator = disk === undefined ? undefined : emulatorOf(architecture);
  const whole = await bootable(context, architecture);
  const { emulation = "auto" } = context;
  const accelerated = (await context.hypervisor.features()).parallelCpus;
  const byProgram = emulation === "user" || emulation === "auto" && accelerated;
  if (emulator && (byProgram || !whole) && emulation !== "system") {
    return { vm: own, emulator, disk };
  }
  if (whole) return { vm: whole, emulator: undefined, disk: await findEmulators(whole) };
  throw new CtrError(
    "unsupported",
    `cannot run programs of linux/${architecture}: this host has no emulator for them`,
    { hint: "make the disk of emulators with scripts/emulators, or leave the platform out" },
  );
}

function emulatorOf(architecture: string): EmulatorSpec | undefined {
  const known = KNOWN[architecture];
  if (!known) return undefined;
  const { qemu, magic, mask } = known;
  return { serial: EMULATORS_SERIAL, program: `qemu-${qemu}-static`, name: qemu, magic, mask };
}

/** What runs on processors of another name. */
const FAMILY: Readonly<Record<string, Architecture>> = { "386": "amd64", arm: "arm64" };

/** Of the VM, if a whole one can be booted that runs the programs. */
async function bootable(
  { hypervisor }: RunContext,
  architecture: string,
): Promise<Architecture | undefined> {
  const wanted = FAMILY[architecture] ?? architecture;
  const found = (await hypervisor.features()).architectures.find((each) => each === wanted);
  if (!found) return undefined;
  return await findGuestAssets(found).then(() => found, () => undefined);
}

/** The disk of emulators for VMs of an architecture, if it was built. */
export async function findEmulators(vm: Architecture): Promise<string | undefined> {
  return await findAsset({
    kind: "emulators",
    architecture: BUILD_NAME[vm],
    name: `emulators-${vm}.ext4`,
    built: "disk.ext4",
    purpose: "emulate another architecture",
  }).catch(() => undefined);
}
