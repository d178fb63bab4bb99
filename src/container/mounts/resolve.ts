import { posix } from "node:path";
import type { CreateRequest, MountSpec } from "../../api/mod.ts";
import { CtrError } from "../../core/mod.ts";
import type { VolumeStore } from "../../volume/mod.ts";
import type { ContainerConfig, MountConfig } from "../types.ts";

export interface MountParties {
  readonly volumes: VolumeStore;
  /** By name or ID. @throws {CtrError} `not-found`. */
  readonly find: (ref: string) => ContainerConfig;
}

export interface MountsWanted {
  readonly id: string;
  readonly name: string;
  /** What the image's VOLUME lines name. */
  readonly imageVolumes: readonly string[];
}

/** What the guest puts together itself. */
const OWN_PLACES = ["/proc", "/sys", "/dev"];

/**
 * Decides what a new container mounts, by Docker's rules: what is asked for goes before what other
 * containers lend, and that before what the image declares. Missing volumes are made, also anonymous ones;
 * they are reserved for the container until the store's `detach()`.
 *
 * @throws {CtrError} `usage` for targets that cannot be, `not-found` for a source that is not there,
 * `unsupported` for a source that is neither file, folder nor socket. No anonymous volume is left then.
 */
export async function resolveMounts(
  request: CreateRequest,
  wanted: MountsWanted,
  { volumes, find }: MountParties,
): Promise<MountConfig[]> {
  const cannot = `cannot create "${wanted.name}"`;
  const own = targetsOf(request, cannot);
  const byTarget = new Map<string, MountConfig>();
  const made: string[] = [];
  try {
    for (const ref of request.volumesFrom) {
      for (const mount of lent(ref, find)) {
        if (!own.has(mount.target)) byTarget.set(mount.target, mount);
      }
    }
    for (const spec of request.mounts) {
      const mount = await resolveOne(spec, { cannot, volumes, user: wanted });
      if (mount.type === "volume" && mount.anonymous) made.push(mount.volume);
      byTarget.set(mount.target, mount);
    }
    for (const path of wanted.imageVolumes) {
      const target = posix.resolve("/", path);
      if (target === "/" || own.has(target) || byTarget.has(target)) continue;
      const spec = { type: "volume", target, readonly: false, copy: true } as const;
      const mount = await resolveVolume({ ...spec, options: {}, labels: {} }, volumes, wanted);
      made.push(mount.volume);
      byTarget.set(target, mount);
    }
    refuseMixedAccess([...byTarget.values()], cannot);
    return [...byTarget.values()];
  } catch (error) {
    volumes.detach(wanted.id);
    for (const volume of made) await volumes.discard(volume).catch(() => {});
    throw error;
  }
}

/** Where something of its own is mounted; each place once. */
function targetsOf({ mounts, tmpfs }: CreateRequest, cannot: string): ReadonlySet<string> {
  const targets = new Set<string>();
  for (
    const path of [
      ...mounts.map(({ target }) => target),
      ...tmpfs.map((each) => each.destination),
    ]
  ) {
    const target = posix.resolve("/", path);
    if (target === "/") {
      throw new CtrError("usage", `${cannot}: nothing can be mounted at "/", the image is there`);
    }
    if (OWN_PLACES.includes(target) || target.startsWith("/proc/")) {
      throw new CtrError(
        "usage",
        `${cannot}: nothing can be mounted at "${target}", the kernel is there`,
      );
    }
    if (targets.has(target)) {
      throw new CtrError("usage", `${cannot}: two mounts have the target "${target}"`, {
        hint: "one of the two would hide the other",
      });
    }
    targets.add(target);
  }
  return targets;
}

/** What another container mounts; `:ro` behind its name makes it read-only. */
function lent(ref: string, find: MountParties["find"]): MountConfig[] {
  const [, name = ref, access] = /^(.*?)(?::(ro|rw))?$/.exec(ref) ?? [];
  return find(name).mounts.map((mount) => {
    if (mount.type === "socket") return mount;
    const readonly = mount.readonly || access === "ro";
    // It goes with the container that it was made for, or with the last that refers to it.
    return mount.type === "volume"
      ? { ...mount, readonly, anonymous: false }
      : { ...mount, readonly };
  });
}

async function resolveOne(
  spec: MountSpec,
  { cannot, volumes, user }: { cannot: string; volumes: VolumeStore; user: MountsWanted },
): Promise<MountConfig> {
  const target = posix.resolve("/", spec.target);
  if (spec.type === "volume") return await resolveVolume({ ...spec, target }, volumes, user);
  const source = posix.resolve("/", spec.source);
  if (spec.type === "socket") return { type: "socket", source, target };
  if (spec.create) await Deno.mkdir(source, { recursive: true }).catch(() => {}); // judged below
  const info = await Deno.stat(source).catch(() => undefined);
  if (!info) {
    throw new CtrError("not-found", `${cannot}: there is no "${source}" on the host to mount`);
  }
  if (info.isSocket) return { type: "socket", source, target };
  if (!info.isFile && !info.isDirectory) {
    throw new CtrError("unsupported", `${cannot}: "${source}" is no file, folder or socket`);
  }
  return { type: "bind", source, target, readonly: spec.readonly };
}

async function resolveVolume(
  spec: Omit<Extract<MountSpec, { type: "volume" }>, "subpath"> & { subpath?: string | undefined },
  volumes: VolumeStore,
  { id, name }: MountsWanted,
): Promise<Extract<MountConfig, { type: "volume" }>> {
  const { source, target, readonly, copy, subpath, options, labels } = spec;
  const ensured = await volumes.ensure({ name: source, options, labels, user: { id, name } });
  return {
    type: "volume",
    volume: ensured.name,
    target,
    readonly,
    copy,
    ...(subpath !== undefined && { subpath }),
    anonymous: source === undefined,
  };
}

/** One disk is mounted one way. */
function refuseMixedAccess(mounts: readonly MountConfig[], cannot: string): void {
  const access = new Map<string, boolean>();
  for (const mount of mounts) {
    if (mount.type !== "volume") continue;
    const { volume, readonly } = mount;
    if ((access.get(volume) ?? readonly) !== readonly) {
      const fact = `volume "${volume}" is mounted twice, once read-only and once not`;
      throw new CtrError("usage", `${cannot}: ${fact}`);
    }
    access.set(volume, readonly);
  }
}
