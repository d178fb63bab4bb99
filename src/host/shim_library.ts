import { CtrError } from "../core/mod.ts";
import { findAsset } from "./assets.ts";

/**
 * The library by which macOS is reached: `CTR_VZ_LIBRARY`, else the one that belongs to this ctr.
 *
 * @throws {CtrError} `unavailable` if there is none.
 */
export async function findShim(given = Deno.env.get("CTR_VZ_LIBRARY")): Promise<string> {
  if (!given) {
    return await findAsset({
      kind: "ffi",
      architecture: "darwin",
      name: "libctrvz.dylib",
      built: "libctrvz.dylib",
      purpose: "run a VM",
    });
  }
  if (await Deno.stat(given).then(({ isFile }) => isFile, () => false)) return given;
  const message = `cannot run a VM: CTR_VZ_LIBRARY names no file: "${given}"`;
  throw new CtrError("unavailable", message);
}
