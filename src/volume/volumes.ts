import type { DatabaseSync } from "node:sqlite";
import type { Events, PruneVolumesReply, Volume, VolumeCheck } from "../api/mod.ts";
import { CtrError, type FileBytes, type Log, SILENT } from "../core/mod.ts";
import { describe, measure } from "./describe.ts";
import { openContent } from "./open_content.ts";
import { VolumeFiles } from "./files.ts";
import { Holders } from "./holders.ts";
import { checkFilters, labelsMatch } from "./label_filter.ts";
import { ANONYMOUS_LABEL, anonymousName, checkLabels, checkName, withoutOurs } from "./names.ts";
import { checkAgrees, checkSize, readOptions } from "./options.ts";
import { VolumeRecords } from "./records.ts";
import { findProblems, sweep } from "./upkeep.ts";
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
  /** Is told of what is made and removed. */
  readonly events?: Events;
  /** Containers whose mounts name volumes, running or not. */
  readonly references: () => Iterable<VolumeReference>;
}

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
  readonly #files: VolumeFiles;
  readonly #records: VolumeRecords;
  readonly #log: Log;
  readonly #holders = new Holders();
  /** Volumes that are being made: who asks for one of them waits for it. */
  readonly #making = new Map<string, Promise<VolumeConfig>>();

  constructor(options: VolumesOptions, files: VolumeFiles, records: VolumeRecords) {
    this.#options = options;
    this.#log = options.log ?? SILENT;
    this.#files = files;
    this.#records = records;
  }

  list(): VolumeConfig[] {
    return this.#records.all();
  }

  /** @throws {CtrError} `not-found`. */
  get(name: string, verb = "find"): VolumeConfig {
    const config = this.#records.get(name);
    if (config) return config;
    const message = `cannot ${verb} volume "${name}": there is no such volume`;
    throw new CtrError("not-found", message, { hint: "see all of them with: ctr volume ls" });
  }

  has(name: string): boolean {
    return this.#records.get(name) !== undefined;
  }

  /** Containers that refer to it, stopped ones included. */
  usersOf(name: string): VolumeUser[] {
    const users = new Map(this.#holders.of(name).map((user) => [user.id, user]));
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
      const hint = `see it with: ctr volume inspect ${name}`;
      throw new CtrError("exists", `cannot create volume "${name}": there is one`, { hint });
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
    await this.#files.make(config, fill);
    this.#records.put(config);
    this.#tell("create", config);
    return config;
  }

  #tell(action: string, { name, type, labels }: VolumeConfig): void {
    const attributes = { driver: "local", type, ...labels };
    this.#options.events?.emit({ type: "volume", action, id: name, name, attributes });
  }

  async ensure(request: EnsureVolume) {
    const { name, user } = request;
    const making = name === undefined ? undefined : this.#making.get(name);
    if (making) await making.catch(() => {}); // else nothing may come in between
    const existing = name === undefined ? undefined : this.#records.get(name);
    if (existing) checkAgrees(existing, request.options ?? {});
    const config = existing ?? await this.create(request);
    if (user) this.#holders.reserve(config.name, user.id);
    return { name: config.name, created: existing === undefined };
  }

  async attach(
    name: string,
    user: VolumeUser,
    { readonly }: { readonly readonly: boolean },
  ): Promise<AttachedVolume> {
    await this.#holders.settled(name);
    const config = this.get(name, "use");
    this.#holders.take(name, user, readonly, config.type === "block");
    try {
      return await openContent(this.#files, config, readonly);
    } catch (error) {
      this.#holders.drop(name, user.id);
      throw error;
    }
  }

  adopt(name: string, user: VolumeUser, { readonly } = { readonly: false }): void {
    this.#holders.hold(name, user, readonly);
  }

  /** @param found Resolves once `adopt()` was called for every VM that lives. */
  adopting(found: Promise<unknown>): void {
    this.#holders.adopting(found);
  }

  ending(userId: string): void {
    this.#holders.ending(userId);
  }

  detach(userId: string): void {
    this.#holders.release(userId);
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
    await this.#holders.settled(name);
    const users = this.usersOf(name);
    if (users.length > 0 || this.#holders.isReserved(name)) {
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
    return this.usersOf(name).length === 0 && !this.#holders.isReserved(name);
  }

  /** The name goes first, then the record, then the bytes: see `sweep()` for what a kill leaves. */
  async #remove(name: string): Promise<void> {
    await this.#holders.exclusively(name, "remove", "is being removed", async () => {
      const config = this.get(name);
      const gone = await this.#files.takeName(name);
      this.#records.delete(name);
      this.#tell("destroy", config);
      if (gone) await Deno.remove(gone, { recursive: true });
    });
  }

  /** Removes every volume that no container refers to and whose labels are as the filters want. */
  async prune(filters: readonly string[] = []): Promise<PruneVolumesReply> {
    checkFilters(filters);
    const removed: string[] = [];
    let reclaimedBytes = 0;
    for (const config of this.list().filter(({ labels }) => labelsMatch(labels, filters))) {
      const { name } = config;
      await this.#holders.settled(name);
      const { allocated } = await measure(this.#files, config);
      if (!this.has(name) || !this.#free(name)) continue;
      await this.#remove(name);
      removed.push(name);
      reclaimedBytes += allocated;
    }
    return { removed, reclaimedBytes };
  }

  async describe(name: string): Promise<Volume> {
    return await describe(this.#files, this.get(name), this.usersOf(name));
  }

  async describeAll(): Promise<Volume[]> {
    return await Promise.all(this.list().map(({ name }) => this.describe(name)));
  }

  measure(name: string): Promise<FileBytes> {
    return measure(this.#files, this.get(name));
  }

  /**
   * Makes a volume with the content and the options of another. The copy costs what the other's content
   * costs, holes stay holes.
   *
   * @throws {CtrError} `not-found`; `exists`; `conflict` while a container runs with the source.
   */
  async clone(source: string, target: string): Promise<VolumeConfig> {
    const config = this.get(source, "clone");
    const { copyContent, sizeOf } = await import("./work.ts");
    return await this.#holders.exclusively(source, "clone", "is being cloned", async () => {
      const sizeBytes = config.type === "block" ? await sizeOf(this.#files, config) : undefined;
      const made = await this.create(
        { name: target, options: config.options, labels: withoutOurs(config.labels) },
        (path) => copyContent(this.#files, config, path),
      );
      // The source may have another size than it was made with.
      return sizeBytes === made.sizeBytes ? made : await this.#update({ ...made, sizeBytes });
    });
  }

  /** A tar archive; pieces are valid until the next one is asked for. */
  async *export(name: string): AsyncGenerator<Uint8Array> {
    const config = this.get(name, "export");
    const { exportContent } = await import("./work.ts");
    await this.#holders.settled(name);
    using _mine = this.#holders.claim(name, "export", "is being exported");
    yield* exportContent(this.#files, config);
  }

  /**
   * Puts an archive in the place of the content. A volume that is not there is made.
   *
   * @throws {CtrError} `invalid-state` if there is content, without `force`; `conflict`; `bad-data`.
   */
  async import(name: string, archive: AsyncIterable<Uint8Array>, force: boolean): Promise<void> {
    const made = this.has(name) ? undefined : await this.create({ name });
    const config = made ?? this.get(name);
    const { importContent } = await import("./work.ts");
    try {
      await this.#holders.exclusively(
        name,
        "import into",
        "is being filled",
        () => importContent(this.#files, config, archive, force),
      );
    } catch (error) {
      if (made) await this.discard(name);
      throw error;
    }
  }

  async check(name: string): Promise<VolumeCheck> {
    const config = this.get(name, "check");
    const { checkContent } = await import("./work.ts");
    return await this.#holders.exclusively(
      name,
      "check",
      "is being checked",
      () => checkContent(this.#files, config),
    );
  }

  async resize(name: string, sizeBytes: number): Promise<void> {
    const config = this.get(name, "resize");
    checkSize(sizeBytes, config);
    const { resizeContent } = await import("./work.ts");
    await this.#holders.exclusively(name, "resize", "is being resized", async () => {
      await resizeContent(this.#files, config, sizeBytes);
      const options = { ...config.options, size: String(sizeBytes) };
      await this.#update({ ...config, sizeBytes, options });
    });
  }

  async #update(config: VolumeConfig): Promise<VolumeConfig> {
    await this.#files.writeConfig(config);
    this.#records.put(config);
    return config;
  }

  /** What is wrong with records and folders, one sentence each; `sweep()` mends what can be mended. */
  async problems(): Promise<string[]> {
    return this.#isWorking() ? [] : await findProblems(this.#files, this.#records);
  }

  /** Forgets records whose files are gone, where no container refers to them. @returns Their names. */
  async forgetLost(): Promise<string[]> {
    const lost: string[] = [];
    for (const config of this.list()) {
      if (this.#isWorking() || !this.#free(config.name)) continue;
      if (await this.#files.has(config)) continue;
      this.#records.delete(config.name);
      lost.push(config.name);
    }
    return lost;
  }

  async sweep(): Promise<void> {
    if (!this.#isWorking()) await sweep(this.#files, this.#records, this.#log);
  }

  #isWorking(): boolean {
    return this.#holders.isWorking() || this.#making.size > 0;
  }
}
