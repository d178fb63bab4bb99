import { join } from "node:path";
import { z } from "zod";
import { CtrError, writeFileAtomic } from "../../core/mod.ts";

/** `<name>.pid`, `<name>.claim`, `<name>.log` of QEMU in the VM's folder. */
export const DAEMON = "qemu";

/** Beside the PID record: what a later engine must know about a VM, written before QEMU starts. */
const Record = z.object({
  version: z.literal(1),
  id: z.string(),
  accelerator: z.enum(["kvm", "tcg"]),
  /** Guest CID where vsock carries the connection. */
  cid: z.number().int().min(3).optional(),
  console: z.string(),
  startedMs: z.number(),
  /** In the order of their devices. */
  shares: z.array(z.object({
    tag: z.string(),
    path: z.string(),
    readonly: z.boolean(),
    single: z.boolean(),
    transport: z.enum(["virtiofs", "9p"]),
  })).default([]),
});
export type VmRecord = z.infer<typeof Record>;

export async function writeRecord(folder: string, record: VmRecord): Promise<void> {
  await writeFileAtomic(recordPath(folder), JSON.stringify(record) + "\n", { durable: false });
}

/**
 * @returns `undefined` if no VM was started in `folder`.
 * @throws {CtrError} `bad-data` if the record is not one.
 */
export async function readRecord(folder: string): Promise<VmRecord | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(recordPath(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  if (text === "") return undefined; // a power cut, which no VM survives
  try {
    return Record.parse(JSON.parse(text));
  } catch (cause) {
    throw new CtrError("bad-data", `cannot read "${recordPath(folder)}": not a VM's record`, {
      cause,
    });
  }
}

function recordPath(folder: string): string {
  return join(folder, "qemu.json");
}
