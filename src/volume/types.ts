import type { Disk, Share } from "../hypervisor/mod.ts";

/** Who uses a volume. */
export interface VolumeUser {
  /** Of the container. */
  readonly id: string;
  readonly name: string;
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
}

/** What containers need of the volumes of a home. */
export interface VolumeStore {
  /**
   * The volume of that name, made if there is none.
   *
   * @throws {CtrError} `usage` for options that cannot be.
   */
  ensure(request: EnsureVolume): Promise<{ readonly name: string; readonly created: boolean }>;
  /**
   * Takes a volume for a VM that is about to start. A block volume has one user at a time.
   *
   * @throws {CtrError} `conflict` that names both containers; `not-found`.
   */
  attach(
    name: string,
    user: VolumeUser,
    options: { readonly readonly: boolean },
  ): Promise<AttachedVolume>;
  /** For a VM of an earlier engine that lives: it has the volume already. */
  adopt(name: string, user: VolumeUser): void;
  /** Gives back all that a user holds. */
  detach(userId: string): void;
  /** Removes a volume that nobody refers to. One that is not there is removed already. */
  discard(name: string): Promise<void>;
}
