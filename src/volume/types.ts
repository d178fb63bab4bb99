import type { Disk, Share } from "../hypervisor/mod.ts";

/** `block`: an ext4 of its own, for one VM at a time. `shared`: a folder that several VMs write to. */
export type VolumeType = "block" | "shared";
/** How ext4 keeps data and journal in step; the kernel's `data=`. */
export type JournalMode = "ordered" | "writeback" | "journal";

/** All that a volume was made with; `volume.json` in its folder. */
export interface VolumeConfig {
  readonly name: string;
  readonly type: VolumeType;
  /** Of `block`: what the guest sees; the host pays for what is written. */
  readonly sizeBytes: number | undefined;
  /** Of `block`. */
  readonly journal: { readonly mode: JournalMode; readonly sizeBytes?: number } | undefined;
  /** As they were given. */
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** Who uses a volume. */
export interface VolumeUser {
  /** Of the container. */
  readonly id: string;
  readonly name: string;
}

/** A container, running or not, and the volumes that its mounts name. */
export interface VolumeReference extends VolumeUser {
  readonly volumes: readonly string[];
}

/** What a VM is given of a volume: a disk of its own, or a folder that several VMs share. */
export type AttachedVolume =
  | {
    readonly kind: "disk";
    /** To be mounted as ext4 with `options`. The serial is the caller's. */
    readonly disk: Omit<Disk, "serial">;
    readonly options: readonly string[];
  }
  | { readonly kind: "share"; readonly share: Omit<Share, "tag"> };

export interface EnsureVolume {
  /** Absent: an anonymous volume of a new name. */
  readonly name?: string | undefined;
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Who is being made and will refer to it: until `detach()` of that ID it is not removed. */
  readonly user?: VolumeUser | undefined;
}

/** What containers need of the volumes of a home. */
export interface VolumeStore {
  /**
   * The volume of that name, made if there is none.
   *
   * @throws {CtrError} `usage` for options that cannot be; `conflict` for options that an existing
   * volume does not have.
   */
  ensure(request: EnsureVolume): Promise<{ readonly name: string; readonly created: boolean }>;
  /**
   * Takes a volume for a VM that is about to start. A block volume has one user that writes, or
   * several that read. A user that takes one twice gets the same disk: it is added to the VM once.
   *
   * @throws {CtrError} `conflict` that names both containers; `not-found`; `bad-data` if its files
   * are not there.
   */
  attach(
    name: string,
    user: VolumeUser,
    options: { readonly readonly: boolean },
  ): Promise<AttachedVolume>;
  /** For a VM of an earlier engine that lives: it has the volume already. */
  adopt(name: string, user: VolumeUser, options?: { readonly readonly: boolean }): void;
  /** The VM of a user has only to end: who wants what it holds waits for that. */
  ending(userId: string): void;
  /** Gives back all that a user holds. */
  detach(userId: string): void;
  /**
   * Removes a volume that nobody refers to. One that is not there is removed already, and one that
   * somebody refers to stays.
   */
  discard(name: string): Promise<void>;
}
