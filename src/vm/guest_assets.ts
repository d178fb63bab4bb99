import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CtrError } from "../core/mod.ts";
import { cacheFolder } from "../host/mod.ts";
import type { Architecture } from "../hypervisor/mod.ts";

/** What every VM of an architecture boots from. Belongs to this ctr, never to a container. */
export interface GuestAssets {
  readonly kernel: string;
  /** `vminitd`'s read-only disk. */
  readonly bootDisk: string;
}

/** As `kernel/build` and `guest/build` spell it; a bundle's assets are named as OCI does. */
const BUILD_NAME: Readonly<Record<Architecture, string>> = { amd64: "x86_64", arm64: "arm64" };

/**
 * Finds kernel and boot disk: `CTR_KERNEL_<ARCH>` and `CTR_GUEST_<ARCH>` (`X86_64`, `ARM64`), else
 * `assets/` beside the program, else what the build scripts left in the cache.
 *
 * @throws {CtrError} `unavailable` if one is missing.
 */
export async function findGuestAssets(architecture: Architecture): Promise<GuestAssets> {
  const [kernel, bootDisk] = await Promise.all([
    findOne("kernel", architecture, `kernel-${architecture}`, "kernel"),
    findOne("guest", architecture, `boot-${architecture}.ext4`, "disk.ext4"),
  ]);
  return { kernel, bootDisk };
}

async function findOne(
  kind: "kernel" | "guest",
  architecture: Architecture,
  asset: string,
  built: string,
): Promise<string> {
  const name = BUILD_NAME[architecture];
  const variable = `CTR_${kind.toUpperCase()}_${name.toUpperCase()}`;
  const given = Deno.env.get(variable);
  if (given) {
    if (await isFile(given)) return given;
    throw new CtrError("unavailable", `cannot boot a VM: ${variable} names no file: "${given}"`);
  }
  for (const folder of assetFolders()) {
    const path = join(folder, asset);
    if (await isFile(path)) return path;
  }
  const newest = await newestBuild(join(cacheFolder(), kind), `${name}-`, built);
  if (newest) return newest;
  throw new CtrError("unavailable", `cannot boot a VM: there is no ${kind} for ${name}`, {
    hint: `build it with: ${kind}/build ${name}`,
  });
}

/** The bundle lies beside `assets/`; the source has none. */
function assetFolders(): string[] {
  const given = Deno.env.get("CTR_ASSETS");
  const beside = ["./assets", "../assets"].map((path) => new URL(path, import.meta.url))
    .filter(({ protocol }) => protocol === "file:").map((url) => fileURLToPath(url));
  return given ? [given, ...beside] : beside;
}

/** The build scripts keep one folder per key; the newest is what was built last. */
async function newestBuild(
  folder: string,
  prefix: string,
  file: string,
): Promise<string | undefined> {
  let newest: { path: string; atMs: number } | undefined;
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (!entry.name.startsWith(prefix)) continue;
      const path = join(folder, entry.name, file);
      const atMs = (await Deno.stat(path).catch(() => undefined))?.mtime?.getTime();
      if (atMs !== undefined && atMs > (newest?.atMs ?? -1)) newest = { path, atMs };
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return newest?.path;
}

async function isFile(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => undefined))?.isFile ?? false;
}
