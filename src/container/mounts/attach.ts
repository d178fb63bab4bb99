import { CtrError } from "../../core/mod.ts";
import type { Disk, Share, ShareMount } from "../../hypervisor/mod.ts";
import type { StartContainer } from "../../vm/mod.ts";
import type { AttachedVolume, VolumeStore } from "../../volume/mod.ts";
import type { ContainerConfig, MountConfig } from "../types.ts";

type GuestMount = StartContainer["mounts"][number];

/** What a VM gets for its container's mounts, and how its guest puts them in their places. */
export interface AttachedMounts {
  readonly disks: readonly Disk[];
  readonly shares: readonly Share[];
  /** @param shareMounts As the driver tells once the VM is made. */
  guestMounts(shareMounts: Readonly<Record<string, ShareMount>>): readonly GuestMount[];
}

/** Where something comes from in the VM. */
type Source =
  | { readonly kind: "disk"; readonly serial: string; readonly options: readonly string[] }
  | { readonly kind: "share"; readonly tag: string };

/**
 * Takes what a container mounts for its VM. Volumes are held until the store's `detach()`.
 *
 * @throws {CtrError} `not-found` for a source that has gone since the container was made; as the store does.
 */
export async function attachMounts(
  config: ContainerConfig,
  volumes: VolumeStore,
): Promise<AttachedMounts> {
  const disks: Disk[] = [];
  const shares: Share[] = [];
  const sources = new Map<MountConfig, Source>();
  const byVolume = new Map<string, Source>();
  for (const [at, mount] of config.mounts.entries()) {
    if (mount.type === "socket") continue;
    if (mount.type === "bind") {
      await checkSource(config.name, mount);
      shares.push({ tag: tagOf(at), path: mount.source, readonly: mount.readonly });
      sources.set(mount, { kind: "share", tag: tagOf(at) });
      continue;
    }
    const { volume, readonly } = mount;
    const attached = byVolume.get(volume) ??
      add(await volumes.attach(volume, config, { readonly }), at);
    byVolume.set(volume, attached);
    sources.set(mount, attached);
  }
  return {
    disks,
    shares,
    guestMounts: (shareMounts) => ordered(config, sources, shareMounts),
  };

  function add(volume: AttachedVolume, at: number): Source {
    if (volume.kind === "share") {
      shares.push({ ...volume.share, tag: tagOf(at) });
      return { kind: "share", tag: tagOf(at) };
    }
    const serial = `volume${at}`;
    disks.push({ ...volume.disk, serial });
    return { kind: "disk", serial, options: volume.options };
  }
}

/** Of the mount number `at` of a container. */
export function tagOf(at: number): string {
  return `mount${at}`;
}

async function checkSource(
  name: string,
  { source, target }: { readonly source: string; readonly target: string },
): Promise<void> {
  const info = await Deno.stat(source).catch(() => undefined);
  if (info?.isFile || info?.isDirectory) return;
  const fact = info ? "it is no file or folder any more" : "there is nothing on the host";
  throw new CtrError("not-found", `cannot start "${name}": ${fact} at "${source}"`, {
    hint: `it is to be mounted at "${target}"; make it again, or create the container anew`,
  });
}

/** What is mounted below another mount comes behind it. */
function ordered(
  config: ContainerConfig,
  sources: ReadonlyMap<MountConfig, Source>,
  shareMounts: Readonly<Record<string, ShareMount>>,
): readonly GuestMount[] {
  const mounts: GuestMount[] = config.tmpfs.map(({ destination, options }) => ({
    type: "tmpfs",
    source: "tmpfs",
    destination,
    options,
  }));
  for (const [mount, source] of sources) mounts.push(guestMount(mount, source, shareMounts));
  return mounts.sort((a, b) => depth(a.destination) - depth(b.destination));
}

function guestMount(
  mount: MountConfig,
  source: Source,
  shareMounts: Readonly<Record<string, ShareMount>>,
): GuestMount {
  const part = mount.type === "volume"
    ? {
      copyUp: mount.copy && !mount.readonly,
      ...(mount.subpath !== undefined && { subpath: mount.subpath }),
    }
    : {};
  const destination = mount.target;
  if (source.kind === "disk") {
    const { serial, options } = source;
    return { type: "ext4", source: serial, destination, options, ...part };
  }
  const { type, options, file } = shareMounts[source.tag]!;
  return {
    type,
    source: source.tag,
    destination,
    options,
    ...(file !== undefined && { file }),
    ...part,
  };
}

function depth(path: string): number {
  return path.split("/").filter((word) => word !== "").length;
}
