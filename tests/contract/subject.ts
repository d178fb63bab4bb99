import { join } from "node:path";
import {
  type Architecture,
  FakeHypervisor,
  type Hypervisor,
  type VmConfig,
} from "../../src/hypervisor/mod.ts";
import { type Driver, makeDriver } from "./driver.ts";
import { type TestGuest, testGuest } from "./guest.ts";

/** A driver under test, with a guest that says "guest is up" and sends back what it is sent. */
export interface Subject extends AsyncDisposable {
  readonly hypervisor: Hypervisor;
  /** The same, made to share by 9p. */
  readonly ninep: Hypervisor;
  /** Real processes: what a fake has no counterpart of is tested with these alone. */
  readonly real: boolean;
  /** For a starter of its own process: the driver, as `driver.ts` reads it. */
  readonly driver: Driver;
  /** Titles of steps that do not hold of this driver, with the reason. */
  readonly skips: Readonly<Record<string, string>>;
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

export type SubjectName = "fake" | "qemu amd64" | "qemu arm64" | "vz";

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
    const parts = { driver: { name: "fake" }, real: false, skips: {} } as const;
    return from({ root, hypervisor, ninep, guest, architecture: "amd64", ...parts });
  }
  if (name === "vz") return await makeVz(root);
  const architecture = name === "qemu amd64" ? "amd64" : "arm64";
  const guest = await testGuest(architecture, root);
  if (typeof guest === "string") return guest;
  const stateFolder = join(root, "state");
  // Emulation runs everywhere; the suite judges the driver, not the host's KVM.
  const driver = { name: "qemu", stateFolder } as const;
  const hypervisor = makeDriver(driver);
  const ninep = makeDriver({ ...driver, shares: "9p" });
  return from({ root, hypervisor, ninep, guest, architecture, driver, real: true, skips: {} });
}

/** The driver of macOS with the shim's stand-in, which boots guests by QEMU. */
async function makeVz(root: string): Promise<Subject | string> {
  const library = await standIn();
  if (!library.startsWith("/")) return library;
  const guest = await testGuest("amd64", root);
  if (typeof guest === "string") return guest;
  const driver = { name: "vz", library } as const;
  const hypervisor = makeDriver(driver);
  return from({
    root,
    hypervisor,
    ninep: hypervisor,
    guest,
    architecture: "amd64",
    driver,
    real: true,
    skips: {
      "a new stream ends the old and starts clean": "vsock carries several streams",
      "the same by 9p": "it shares by virtiofs alone",
      "a VM ends with the share that it has lost": "the framework itself serves the shares",
    },
  });
}

/** @returns The library's path, or why there is none. */
export async function standIn(): Promise<string> {
  const kind = Deno.env.has("CTR_TEST_SANITIZER") ? "standin-asan" : "standin";
  const build = new URL("../../ffi/build", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(build, { args: [kind] }).output();
  const said = new TextDecoder().decode(success ? stdout : stderr).trim();
  return success ? said : `no stand-in of macOS: ${said.split("\n").at(-1)}`;
}

interface Parts {
  readonly root: string;
  readonly hypervisor: Hypervisor;
  readonly ninep: Hypervisor;
  readonly guest: TestGuest;
  readonly architecture: Architecture;
  readonly real: boolean;
  readonly driver: Driver;
  readonly skips: Subject["skips"];
}

function from(parts: Parts): Subject {
  const { root, hypervisor, ninep, guest, architecture, real, driver, skips } = parts;
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
    driver,
    skips,
    real,
    bootMs: 60_000,
    config: (changes = {}) => configIn(join(root, `vm${count++}`), changes),
    longConfig: () => configIn(join(root, "a-long-name-".repeat(12), `vm${count++}`), {}),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}
