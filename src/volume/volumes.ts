import type { DatabaseSync } from "node:sqlite";
import { CtrError, type Log, SILENT } from "../core/mod.ts";
import { VolumeFiles } from "./files.ts";
import { Holders } from "./holders.ts";
import { ANONYMOUS_LABEL, anonymousName, checkLabels, checkName } from "./names.ts";
import { mountOptions, readOptions } from "./options.ts";
import { VolumeRecords } from "./records.ts";
import type {
  AttachedVolume,
  EnsureVolume,
  VolumeConfig,
  VolumeReference,
  VolumeStore,
  VolumeUser,
} from "./types.ts";

export interface VolumesOptions {
  /** The ctr home; `volumes/` is made in it. */
  readonly home: string;
  /** Open database. The table of this folder is created in it. */
  readonly db: DatabaseSync;
  readonly log?: Log;
  /** Containers whose mounts name volumes, running or not. */
  readonly references: () => Iterable<VolumeReference>;
}

/** Opens the volumes of a home, and makes the records agree with the folders. */
export async function openVolumes(options: VolumesOptions): Promise<Volumes> {
  const files = new VolumeFiles(options.home);
  await files.create();
  const volumes = new Volumes(options, files, new VolumeRecords(options.db));
  await volumes.sweep();
  return volumes;
}

/** The volumes of one home. */
export class Volumes implements VolumeStore {
  readonly #options: VolumesOptions;
  readonly files: VolumeFiles;
  readonly #records: VolumeRecords;
  readonly #log: Log;
  readonly holders = new Holders();
  /** Volumes that are being made: who asks for one of them waits for it. */
  readonly #making = new Map<string, Promise<VolumeConfig>>();

  constructor(options: VolumesOptions, files: VolumeFiles, records: VolumeRecords) {
    this.#options = options;
    this.#log = options.log ?? SILENT;
    this.files = files;
    this.#records = records;
  }

  /** By name. */
  list(): VolumeConfig[] {
    return this.#records.all();
  }

  /** @throws {CtrError} `not-found`. */
  get(name: string, verb = "find"): VolumeConfig {
    const config = this.#records.get(name);
    if (config) return config;
    throw new CtrError("not-found", `cannot ${verb} volume "${name}": there is no such volume`, {
      hint: "see all of them with: ctr volume ls",
    });
  }

  has(name: string): boolean {
    return this.#records.get(name) !== undefined;
  }

  /** Containers that refer to it, stopped ones included. */
  usersOf(name: string): VolumeUser[] {
    const users = new Map(this.holders.of(name).map((user) => [user.id, user]));
    for (const { id, name: container, volumes } of this.#options.references()) {
      if (volumes.includes(name)) users.set(id, { id, name: container });
    }
    return [...users.values()];
  }

  /**
   * @param request Without a name: an anonymous volume.
   * @param fill Makes the content instead of an empty one; gets the path of the disk or folder.
   * @throws {CtrError} `exists`; `usage` for a name, a label or an option that cannot be.
   */
  async create(
    request: Omit<EnsureVolume, "user">,
    fill?: (path: string, config: VolumeConfig) => Promise<void>,
  ): Promise<VolumeConfig> {
    if (request.name !== undefined) checkName(request.name);
    checkLabels(request.labels ?? {});
    const name = request.name ?? anonymousName();
    if (this.has(name) || this.#making.has(name)) {
      throw new CtrError("exists", `cannot create volume "${name}": there is one`, {
        hint: `see it with: ctr volume inspect ${name}`,
      });
    }
    const anonymous = request.name === undefined ? { [ANONYMOUS_LABEL]: "" } : {};
    const options = request.options ?? {};
    const config: VolumeConfig = {
      name,
      ...readOptions(options),
      options,
      labels: { ...request.labels, ...anonymous },
      createdAt: new Date().toISOString(),
    };
    const making = this.#make(config, fill && ((path) => fill(path, config)));
    this.#making.set(name, making);
    try {
      return await making;
    } finally {
      this.#making.delete(name);
    }
  }

  async #make(
    config: VolumeConfig,
    fill?: (path: string) => Promise<void>,
  ): Promise<VolumeConfig> {
    await this.files.make(config, fill);
    this.#records.put(config);
    return config;
  }

  async ensure(request: EnsureVolume) {
    const { name, user } = request;
    if (name !== undefined) await this.#making.get(name)?.catch(() => {});
    const existing = name === undefined ? undefined : this.#records.get(name);
    if (existing) checkAgrees(existing, request.options ?? {});
    const config = existing ?? await this.create(request);
    if (user) this.holders.reserve(config.name, user.id);
    return { name: config.name, created: existing === undefined };
  }

  async attach(
    name: string,
    user: VolumeUser,
    { readonly }: { readonly readonly: boolean },
  ): Promise<AttachedVolume> {
    const config = this.get(name, "use");
    this.holders.take(name, user, readonly, config.type === "block");
    try {
      return await this.#open(config, readonly);
    } catch (error) {
      this.holders.drop(name, user.id);
      throw error;
    }
  }

  async #open(config: VolumeConfig, readonly: boolean): Promise<AttachedVolume> {
    if (!await this.files.has(config)) {
      throw new CtrError("bad-data", `cannot use volume "${config.name}": its files are gone`, {
        hint: `see "ctr system check"; remove the record with: ctr volume rm ${config.name}`,
      });
    }
    const path = this.files.source(config);
    if (config.type === "shared") return { kind: "share", share: { path, readonly } };
    return { kind: "disk", disk: { path, readonly }, options: mountOptions(config, readonly) };
  }

  adopt(name: string, user: VolumeUser, { readonly } = { readonly: false }): void {
    this.holders.hold(name, user, readonly);
  }

  detach(userId: string): void {
    this.holders.release(userId);
  }

  async discard(name: string): Promise<void> {
    if (this.has(name) && this.#free(name)) await this.#remove(name);
  }

  /**
   * @param force One that is not there is removed already.
   * @throws {CtrError} `not-found`; `conflict` while a container refers to it.
   */
  async remove(name: string, force = false): Promise<void> {
    if (force && !this.has(name)) return;
    this.get(name, "remove");
    const users = this.usersOf(name);
    if (users.length > 0 || this.holders.isReserved(name)) {
      const names = users.map((user) => `"${user.name}"`).join(", ");
      throw new CtrError(
        "conflict",
        `cannot remove volume "${name}": ${names || "a container that is being made"} ${
          users.length > 1 ? "use" : "uses"
        } it`,
        { hint: users[0] && `remove the container first: ctr rm ${users[0].name}` },
      );
    }
    await this.#remove(name);
  }

  #free(name: string): boolean {
    return this.usersOf(name).length === 0 && !this.holders.isReserved(name);
  }

  /** The name goes first, then the record, then the bytes: see `sweep()` for what a kill leaves. */
  async #remove(name: string): Promise<void> {
    await this.holders.exclusively(name, "remove", "is being removed", async () => {
      const gone = await this.files.takeName(name);
      this.#records.delete(name);
      if (gone) await Deno.remove(gone, { recursive: true });
    });
  }

  /**
   * Makes records and folders agree after a kill at any moment. A folder with a volume's name is a volume,
   * also when the database was lost; what was being made or removed goes. A record whose folder somebody
   * else has removed stays, because it says what is missing: `problems()` tells.
   */
  async sweep(): Promise<void> {
    const folders = await this.files.list();
    for (const [name, config] of folders) {
      if (config && !this.has(name)) this.#records.put(config);
      for (const path of await this.files.temporaries(name)) await this.#delete(path);
    }
    for (const { path, removed } of await this.files.leftovers()) {
      if (removed && !folders.has(removed.name)) this.#records.delete(removed.name);
      await this.#delete(path);
    }
  }

  async #delete(path: string): Promise<void> {
    await Deno.remove(path, { recursive: true }).catch((error) => {
      this.#log.error("remove what a kill has left", { path, error });
    });
  }
}

/** Options that are given again must be those that it was made with. */
function checkAgrees(config: VolumeConfig, options: Readonly<Record<string, string>>): void {
  if (Object.keys(options).length === 0) return;
  const wanted = readOptions(options);
  const has: Record<string, unknown> = { ...config };
  for (const key of ["type", "sizeBytes", "journal"] as const) {
    const given = { type: "type", sizeBytes: "size", journal: "journal" }[key];
    if (!(given in options) || JSON.stringify(wanted[key]) === JSON.stringify(has[key])) continue;
    throw new CtrError(
      "conflict",
      `cannot use volume "${config.name}": it was made with another ${given}`,
      { hint: `see it with: ctr volume inspect ${config.name}` },
    );
  }
}
