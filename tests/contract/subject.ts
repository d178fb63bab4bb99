import { join } from "node:path";
import {
  type Architecture,
  FakeHypervisor,
  type Hypervisor,
  QemuHypervisor,
  type VmConfig,
} from "../../src/hypervisor/mod.ts";
import { type TestGuest, testGuest } from "./guest.ts";

/** A driver under test, with a guest that says "guest is up" and sends back what it is sent. */
export interface Subject extends AsyncDisposable {
  readonly hypervisor: Hypervisor;
  /** The same, made to share by 9p. */
  readonly ninep: Hypervisor;
  readonly stateFolder: string;
  /** Real processes: what a fake has no counterpart of is tested with these alone. */
  readonly real: boolean;
  /** From the start to the guest's first answer, under heavy load. */
  readonly bootMs: number;
  config(changes?: Partial<VmConfig>): Promise<VmConfig>;
  /** A configuration's folder under a path too long for a socket address. */
  longConfig(): Promise<VmConfig>;
}

/** @returns The reason to skip it where it cannot be tested. */
export async function subject(name: SubjectName): Promise<Subject | string> {
  const root = await Deno.makeTempDir({ prefix: "ctr-contract-" });
  const made = await make(name, root);
  if (typeof made !== "string") return made;
  await Deno.remove(root, { recursive: true });
  return made;
}

export type SubjectName = "fake" | "qemu amd64" | "qemu arm64";

async function make(name: SubjectName, root: string): Promise<Subject | string> {
  if (name === "fake") {
    const empty = join(root, "empty");
    await Deno.writeTextFile(empty, "");
    const hypervisor = new FakeHypervisor({
      console: "guest is up\nvda is boot\n",
      guest: (stream) => void stream.pipe(stream),
    });
    const guest = { kernel: empty, bootDisk: empty };
    const ninep = hypervisor;
    return from({ root, hypervisor, ninep, guest, architecture: "amd64", real: false });
  }
  const architecture = name === "qemu amd64" ? "amd64" : "arm64";
  const guest = await testGuest(architecture, root);
  if (typeof guest === "string") return guest;
  const stateFolder = join(root, "state");
  // Emulation runs everywhere; the suite judges the driver, not the host's KVM.
  const options = { stateFolder, accelerator: "tcg", transport: "serial" } as const;
  const hypervisor = new QemuHypervisor(options);
  const ninep = new QemuHypervisor({ ...options, shares: "9p" });
  return from({ root, hypervisor, ninep, guest, architecture, real: true });
}

interface Parts {
  readonly root: string;
  readonly hypervisor: Hypervisor;
  readonly ninep: Hypervisor;
  readonly guest: TestGuest;
  readonly architecture: Architecture;
  readonly real: boolean;
}

function from({ root, hypervisor, ninep, guest, architecture, real }: Parts): Subject {
  let count = 0;
  const configIn = async (folder: string, changes: Partial<VmConfig>): Promise<VmConfig> => {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    return {
      id: `contract-${crypto.randomUUID().slice(0, 8)}`,
      folder,
      architecture,
      ...guest,
      kernelArguments: [],
      disks: [],
      nics: [],
      cpus: 1,
      memoryBytes: 128 * 2 ** 20,
      console: join(folder, "console"),
      ...changes,
    };
  };
  return {
    hypervisor,
    ninep,
    stateFolder: join(root, "state"),
    real,
    bootMs: 60_000,
    config: (changes = {}) => configIn(join(root, `vm${count++}`), changes),
    longConfig: () => configIn(join(root, "a-long-name-".repeat(12), `vm${count++}`), {}),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}
