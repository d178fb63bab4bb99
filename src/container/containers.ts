import type { CreateReply, CreateRequest } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { hostCpus } from "../host/mod.ts";
import type { ResolvedImage } from "../image/mod.ts";
import { parsePlatform } from "../oci/mod.ts";
import { discardVm } from "../vm/mod.ts";
import { writeConfigFile } from "./config_file.ts";
import { Container } from "./container.ts";
import { containerEvent } from "./container_events.ts";
import { containersFolder, type Context, foldersOf, removeFolder } from "./context.ts";
import { Gate } from "./gate.ts";
import { discardAnonymous } from "./erase.ts";
import { type ImageFacts, mergeConfig } from "./merge.ts";
import { resolveMounts } from "./mounts/resolve.ts";
import { newId, newName, resolveRef } from "./names.ts";
import { type MakeDisk, makeRootDisk } from "./root_disk.ts";
import type { ContainerConfig, MountConfig } from "./types.ts";

/** All containers of a home. */
export class Containers {
  readonly #context: Context;
  readonly #containers = new Map<string, Container>();
  /** Names of containers that are being made. */
  readonly #reserved = new Set<string>();
  /** Folders that are being made, which the sweep must leave alone. */
  readonly #making = new Set<string>();
  /** As many at a time as the host can boot side by side. */
  readonly #gate = new Gate(Math.max(2, hostCpus()));

  constructor(context: Context) {
    this.#context = context;
    for (const { config } of context.records.all()) {
      this.#containers.set(config.id, new Container(context, config.id, this.#gate));
    }
  }

  /**
   * @param makeDisk For a container that gets a disk of its own as root file system, and no layers.
   * @throws {CtrError} `not-found` if the image is not in the store, `exists` if the name is taken.
   */
  create(request: CreateRequest, makeDisk?: MakeDisk): Promise<CreateReply> {
    return this.#named(request.name, async (identity) => {
      const platform = request.platform ? parsePlatform(request.platform) : undefined;
      const image = await this.#context.images.resolveForRun(request.image, platform);
      return await this.#create(request, identity, image, makeDisk);
    });
  }

  /** Makes one with a disk of its own, of an image that need not be in the store. @throws {CtrError} `exists`. */
  createOf(request: CreateRequest, image: ImageFacts, makeDisk: MakeDisk): Promise<CreateReply> {
    const facts = { ...image, layerDisks: [] };
    return this.#named(
      request.name,
      (identity) => this.#create(request, identity, facts, makeDisk),
    );
  }

  async #named(
    wanted: string | undefined,
    make: (identity: { readonly id: string; readonly name: string }) => Promise<CreateReply>,
  ): Promise<CreateReply> {
    const id = newId();
    const taken = (name: string) => this.#context.records.hasName(name) || this.#reserved.has(name);
    const name = wanted ?? newName(taken);
    if (taken(name)) {
      throw new CtrError("exists", `cannot create "${name}": the name is taken`, {
        hint: `remove the other one with: ctr rm ${name}`,
      });
    }
    this.#reserved.add(name);
    this.#making.add(id);
    try {
      return await make({ id, name });
    } catch (error) {
      await removeFolder(foldersOf(this.#context.home, id).root);
      throw error;
    } finally {
      this.#reserved.delete(name);
      this.#making.delete(id);
    }
  }

  async #create(
    request: CreateRequest,
    identity: { readonly id: string; readonly name: string },
    image: ImageFacts & Pick<ResolvedImage, "layerDisks">,
    makeDisk: MakeDisk | undefined,
  ): Promise<CreateReply> {
    const defaults = await this.#context.defaults();
    const merged = mergeConfig(request, image, identity, defaults, { ownDisk: Boolean(makeDisk) });
    for (const { name } of merged.networks) this.#context.networks.get(name); // known before it starts
    const config = { ...merged, mounts: await this.#mounts(request, image, identity) };
    await this.#insert(config, async (path) => {
      if (makeDisk) await makeRootDisk(path, image.layerDisks, makeDisk);
    });
    return { ...identity, warnings: [] };
  }

  /** @param fill Gets the path of its disk before it is on record. */
  async #insert(config: ContainerConfig, fill: (disk: string) => Promise<void>): Promise<void> {
    const folders = foldersOf(this.#context.home, config.id);
    const { root, upper } = folders;
    try {
      await Deno.mkdir(root, { recursive: true, mode: 0o700 });
      await fill(upper);
      await writeConfigFile(folders, config);
      this.#context.records.insert(config);
    } catch (error) {
      await Deno.remove(root, { recursive: true }).catch(() => {});
      await discardAnonymous(this.#context, config);
      throw error;
    }
    this.#context.volumes.detach(config.id); // its record keeps them now
    this.#containers.set(config.id, new Container(this.#context, config.id, this.#gate));
    this.#context.events.emit(containerEvent(config, "create"));
  }

  #mounts(
    request: CreateRequest,
    image: ImageFacts,
    identity: { readonly id: string; readonly name: string },
  ): Promise<readonly MountConfig[]> {
    const imageVolumes = Object.keys(image.config.config?.Volumes ?? {});
    const { volumes } = this.#context;
    const find = (ref: string) => this.get(ref).record.config;
    return resolveMounts(request, { ...identity, imageVolumes }, { volumes, find });
  }

  /** @throws {CtrError} as `resolveRef()`. */
  get(ref: string): Container {
    const named = [...this.#context.records.all()].map(({ config }) => config);
    return this.#containers.get(resolveRef(ref, named).id)!;
  }

  /** @throws {CtrError} as `get()` and `Container.rename()`. */
  rename(ref: string, name: string): Promise<void> {
    return this.get(ref).rename(name, (wanted) => this.#reserved.has(wanted));
  }

  /** Newest first. */
  list(): Container[] {
    this.forgetRemoved();
    return [...this.#containers.values()].sort((a, b) =>
      b.record.config.createdAt.localeCompare(a.record.config.createdAt)
    );
  }

  /** Containers that need the engine. */
  active(): Container[] {
    this.forgetRemoved();
    return [...this.#containers.values()].filter((container) => container.active);
  }

  /** Drops those whose record is gone. */
  forgetRemoved(): void {
    for (const id of this.#containers.keys()) {
      if (!this.#context.records.get(id)) this.#containers.delete(id);
    }
  }

  /**
   * Finds what an earlier engine left: VMs that live, runs that ended unseen, and pieces of
   * containers that were being made or removed. All at once; one that fails is logged. A request
   * for a container that comes meanwhile waits for that one.
   *
   * @param ready What must be there before the first of them is looked at.
   */
  async adopt(ready: Promise<void> = Promise.resolve()): Promise<void> {
    const work = [...this.#containers.values()].map((container) => container.adopt(ready));
    work.push(ready); // also where there is no container
    const folders = await folderNames(containersFolder(this.#context.home));
    const known = (id: string) => this.#context.records.get(id) || this.#making.has(id);
    for (const id of folders.filter((id) => !known(id))) work.push(sweepFolder(this.#context, id));
    for (const outcome of await Promise.allSettled(work)) {
      if (outcome.status === "rejected") {
        this.#context.log.error("adopt a container", { error: outcome.reason });
      }
    }
    this.#context.onChange();
  }

  /** Lets go of all, for an engine that ends while they live on. */
  async release(): Promise<void> {
    await Promise.allSettled([...this.#containers.values()].map((each) => each.release()));
  }
}

async function folderNames(folder: string): Promise<string[]> {
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  return names;
}

/** Ends the VM and removes the files of a container that has no record. */
async function sweepFolder(context: Context, id: string): Promise<void> {
  const folders = foldersOf(context.home, id);
  await discardVm(context.hypervisor, folders.vm);
  await removeFolder(folders.root);
}
