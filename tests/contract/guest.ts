import { join } from "node:path";
import type { Architecture } from "../../src/hypervisor/mod.ts";

const HERE = new URL(".", import.meta.url).pathname;
const KERNEL = { amd64: "x86_64", arm64: "arm64" } as const;
const COMPILER = { amd64: "gcc", arm64: "aarch64-linux-gnu-gcc" } as const;

export interface TestGuest {
  readonly kernel: string;
  readonly bootDisk: string;
}

/**
 * The kernel from the cache and a disk with a guest, made in `folder`.
 *
 * @param init The guest's source in C.
 * @returns Why it cannot be had, as a reason to skip.
 */
export async function testGuest(
  architecture: Architecture,
  folder: string,
  init = join(HERE, "guest/init.c"),
): Promise<TestGuest | string> {
  const build = join(HERE, "../../kernel/build");
  const key = await run(build, "--key", KERNEL[architecture]).catch(() => undefined);
  const cache = Deno.env.get("CTR_CACHE") ?? `${Deno.env.get("HOME")}/.cache/ctr`;
  const kernel = `${cache}/kernel/${KERNEL[architecture]}-${key}/kernel`;
  if (key === undefined || !await exists(kernel)) {
    return `no ${architecture} kernel: deno task kernel`;
  }
  const root = join(folder, `root-${architecture}`);
  for (const name of ["dev", "proc", "sys", "sbin", "share0", "share1", "share2", "share3"]) {
    await Deno.mkdir(join(root, name), { recursive: true });
  }
  try {
    await run(COMPILER[architecture], "-O1", "-static", "-o", join(root, "sbin/init"), init);
    const bootDisk = join(folder, `boot-${architecture}.ext4`);
    await run("/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, bootDisk, "8M");
    return { kernel, bootDisk };
  } catch (error) {
    return `no ${architecture} test guest: ${error instanceof Error ? error.message : error}`;
  }
}

async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr).trim()}`);
  return new TextDecoder().decode(stdout).trim();
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
