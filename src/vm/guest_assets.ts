import { findAsset } from "../host/mod.ts";
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
 * Finds kernel and boot disk; see `findAsset()`.
 *
 * @throws {CtrError} `unavailable` if one is missing.
 */
export async function findGuestAssets(architecture: Architecture): Promise<GuestAssets> {
  const common = { architecture: BUILD_NAME[architecture], purpose: "boot a VM" };
  const [kernel, bootDisk] = await Promise.all([
    findAsset({ ...common, kind: "kernel", name: `kernel-${architecture}`, built: "kernel" }),
    findAsset({ ...common, kind: "guest", name: `boot-${architecture}.ext4`, built: "disk.ext4" }),
  ]);
  return { kernel, bootDisk };
}
