import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CtrError } from "../core/mod.ts";
import { cacheFolder } from "./paths.ts";

/** A file that belongs to this ctr: a kernel, a boot disk, a native program. */
export interface Asset {
  /** What it is for people: `kernel`, `guest`, `netd`; also its folder in the cache. */
  readonly kind: string;
  /** As the build script spells the architecture. */
  readonly architecture: string;
  /** Its name in `assets/`. */
  readonly name: string;
  /** Its name in a folder of the cache. */
  readonly built: string;
  /** Completes the error, for example `boot a VM`. */
  readonly purpose: string;
}

/**
 * Finds an asset: `CTR_<KIND>_<ARCHITECTURE>`, else `assets/` beside the program, else what the build
 * scripts left in the cache.
 *
 * @throws {CtrError} `unavailable` if there is none.
 */
export async function findAsset(asset: Asset): Promise<string> {
  const { kind, architecture, purpose } = asset;
  const variable = `CTR_${kind.toUpperCase()}_${architecture.toUpperCase()}`;
  const given = Deno.env.get(variable);
  if (given) {
    if (await isFile(given)) return given;
    throw new CtrError("unavailable", `cannot ${purpose}: ${variable} names no file: "${given}"`);
  }
  for (const folder of assetFolders()) {
    const path = join(folder, asset.name);
    if (await isFile(path)) return path;
  }
  const newest = await newestBuild(join(cacheFolder(), kind), `${architecture}-`, asset.built);
  if (newest) return newest;
  throw new CtrError("unavailable", `cannot ${purpose}: there is no ${kind} for ${architecture}`, {
    hint: `build it with: ${kind}/build ${architecture}`,
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
