import { join } from "node:path";
import { z } from "zod";
import { CtrError, writeFileAtomic } from "../../core/mod.ts";
import { bootId, hostArchitecture, kernelRelease } from "../../host/mod.ts";
import type { Architecture } from "../hypervisor.ts";
import type { Accelerator } from "./arguments.ts";
import { type Binary, findBinary } from "./binary.ts";
import { probeKvm, type ProbeOutcome } from "./probe.ts";

export type Preference = "auto" | Accelerator;

export interface AcceleratorOptions {
  /** Where the probe's outcome is remembered; made if missing. */
  readonly stateFolder: string;
  readonly accelerator?: Preference;
  /** For tests: another device, another probe, another QEMU. */
  readonly kvm?: {
    readonly device?: string;
    readonly probe?: (architecture: Architecture, binary: Binary) => Promise<ProbeOutcome>;
    readonly binary?: Binary;
  };
}

export interface AcceleratorChoice {
  readonly accelerator: Accelerator;
  /** Why not KVM, as a clause; absent with KVM and where emulation was asked for. */
  readonly reason?: string;
  /** What to do about it. */
  readonly hint?: string;
  /** One line for the user; given once for each reason. */
  readonly notice?: string;
}

/**
 * Chooses how guests of `architecture` run: KVM if it really runs guests, else emulation.
 *
 * @param options.tell False: a notice stays owed.
 * @throws {CtrError} `unavailable` if KVM was asked for and does not work, or QEMU is missing.
 */
export async function chooseAccelerator(
  architecture: Architecture,
  options: AcceleratorOptions,
  { tell = true } = {},
): Promise<AcceleratorChoice> {
  const preference = options.accelerator ?? "auto";
  if (preference === "tcg") return { accelerator: "tcg" };
  const obstacle = await obstacleToKvm(architecture, options);
  if (obstacle === undefined) return { accelerator: "kvm" };
  const { reason, hint } = obstacle;
  if (preference === "kvm") {
    throw new CtrError("unavailable", `cannot use KVM: ${reason}`, { hint });
  }
  const owed = tell && architecture === hostArchitecture() &&
    await isNew(options.stateFolder, reason);
  return {
    accelerator: "tcg",
    reason,
    hint,
    ...(owed &&
      { notice: `guests run in emulation, which is slower: ${reason}; see "ctr doctor"` }),
  };
}

interface Obstacle {
  readonly reason: string;
  readonly hint: string;
}

async function obstacleToKvm(
  architecture: Architecture,
  options: AcceleratorOptions,
): Promise<Obstacle | undefined> {
  const device = options.kvm?.device ?? "/dev/kvm";
  if (architecture !== hostArchitecture()) {
    return {
      reason: `the host's processor is not ${architecture}`,
      hint: `use an image for ${hostArchitecture()}`,
    };
  }
  try {
    (await Deno.open(device, { read: true, write: true })).close();
  } catch (error) {
    return await whyClosed(device, error);
  }
  const binary = options.kvm?.binary ?? await findBinary(architecture);
  const outcome = await rememberedProbe(architecture, binary, options);
  if (outcome.works) return undefined;
  return {
    reason: `${device} opens but ${outcome.reason}`,
    hint: "this is the host's KVM, often a nested or emulated one: try another host, or load its " +
      "module with nested=1",
  };
}

async function whyClosed(device: string, error: unknown): Promise<Obstacle> {
  if (error instanceof Deno.errors.NotFound) {
    return {
      reason: `there is no ${device}`,
      hint: "switch virtualization on in the firmware, or load the kvm module",
    };
  }
  if (!(error instanceof Deno.errors.PermissionDenied)) {
    return { reason: `${device} cannot be opened`, hint: "look at dmesg for kvm's messages" };
  }
  const { gid } = await Deno.stat(device).catch(() => ({ gid: null }));
  const group = gid === null ? undefined : await groupName(gid);
  return {
    reason: `${device} may not be opened by this user`,
    hint: group === undefined || group === "root"
      ? `give yourself access: sudo chmod 666 ${device}`
      : `join the group ${group}: sudo usermod -aG ${group} "$USER", then log in again`,
  };
}

async function groupName(gid: number): Promise<string | undefined> {
  const groups = await Deno.readTextFile("/etc/group").catch(() => "");
  return groups.split("\n").map((line) => line.split(":")).find((each) => each[2] === String(gid))
    ?.[0];
}

const Memory = z.object({
  /** What the outcome holds for: kernel, boot, QEMU. */
  key: z.string().optional(),
  outcome: z.union([
    z.object({ works: z.literal(true) }),
    z.object({ works: z.literal(false), reason: z.string() }),
  ]).optional(),
  /** The reason that the user was told last. */
  told: z.string().optional(),
});

/** Per kernel, boot and QEMU: a new one of any may work where the old did not, and the reverse. */
async function rememberedProbe(
  architecture: Architecture,
  binary: Binary,
  options: AcceleratorOptions,
): Promise<ProbeOutcome> {
  const key = [kernelRelease(), await bootId(), binary.path, binary.version].join(" ");
  const memory = await recall(options.stateFolder);
  if (memory.key === key && memory.outcome !== undefined) return memory.outcome;
  const outcome = await (options.kvm?.probe ?? probeKvm)(architecture, binary);
  await remember(options.stateFolder, { ...await recall(options.stateFolder), key, outcome });
  return outcome;
}

async function isNew(stateFolder: string, reason: string): Promise<boolean> {
  const memory = await recall(stateFolder);
  if (memory.told === reason) return false;
  await remember(stateFolder, { ...memory, told: reason });
  return true;
}

/** What cannot be read is forgotten: it is measured again. */
async function recall(stateFolder: string): Promise<z.infer<typeof Memory>> {
  try {
    return Memory.parse(JSON.parse(await Deno.readTextFile(memoryPath(stateFolder))));
  } catch {
    return {};
  }
}

async function remember(stateFolder: string, memory: z.infer<typeof Memory>): Promise<void> {
  await Deno.mkdir(stateFolder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(memoryPath(stateFolder), JSON.stringify(memory) + "\n");
}

function memoryPath(stateFolder: string): string {
  return join(stateFolder, "accelerator.json");
}
