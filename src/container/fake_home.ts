import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  CreateRequest,
  type CreateRequestInput,
  type Exit,
  type NewEvent,
  ProcessSpec,
} from "../api/mod.ts";
import { SILENT } from "../core/mod.ts";
import { FakeHypervisor } from "../hypervisor/mod.ts";
import type { ResolvedImage } from "../image/mod.ts";
import { openVolumes } from "../volume/mod.ts";
import type { Container } from "./container.ts";
import { Containers } from "./containers.ts";
import type { Context } from "./context.ts";
import { FakeNetworks } from "./fake_networks.ts";
import { FakeGuestVm, type FakePrograms, PROGRAMS } from "./fake_guest.ts";
import type { OutputSink } from "./process_output.ts";
import { ContainerRecords } from "./records.ts";
import { volumeReferences } from "./volume_references.ts";

const IMAGE = {
  reference: "docker.io/library/test:latest",
  descriptor: { digest: "sha256:1", mediaType: "", size: 0 },
  manifestDigest: "sha256:1",
  platform: { os: "linux", architecture: "amd64" },
  config: { config: { Cmd: ["sleep"], Env: ["A=image"] } },
  layerDisks: [],
} as unknown as ResolvedImage;

const ASSETS = ["CTR_KERNEL_X86_64", "CTR_GUEST_X86_64"];

/** A home whose VMs are fakes that outlive each engine. */
export class Home implements AsyncDisposable {
  readonly hypervisor = new FakeHypervisor();
  readonly guests = new Map<string, FakeGuestVm>();
  readonly events: NewEvent[] = [];
  /** What its guests can run. */
  programs: FakePrograms = PROGRAMS;
  /** What its image says. */
  image = IMAGE;
  readonly #environment = new Map<string, string | undefined>();
  #db: DatabaseSync | undefined;

  private constructor(readonly path: string) {}

  static async make(): Promise<Home> {
    const path = await Deno.makeTempDir();
    await Deno.writeTextFile(join(path, "kernel"), "");
    const home = new Home(path);
    for (const name of ASSETS) {
      home.#environment.set(name, Deno.env.get(name));
      Deno.env.set(name, join(path, "kernel"));
    }
    return home;
  }

  /** What a new engine has of it. */
  async open(): Promise<Containers> {
    this.#db = new DatabaseSync(join(this.path, "state.db"));
    const records = new ContainerRecords(this.#db);
    const references = () => volumeReferences(records);
    const context: Context = {
      home: this.path,
      records,
      volumes: await openVolumes({ home: this.path, db: this.#db, references }),
      networks: new FakeNetworks(),
      images: {
        resolveForRun: () => Promise.resolve(this.image),
        resolveManifest: () => Promise.resolve(this.image),
      },
      hypervisor: this.hypervisor,
      connect: (vm) => Promise.resolve(this.#guest(vm.id).connect()),
      log: SILENT,
      watchFolders: 0,
      logLimits: { segmentBytes: 100_000, segments: 3 },
      defaults: () => Promise.resolve({ cpus: 1, memoryBytes: 256 * 1024 * 1024 }),
      onChange: () => {},
      events: { emit: (event) => void this.events.push(event) },
    };
    const containers = new Containers(context);
    await containers.adopt();
    return containers;
  }

  #guest(id: string): FakeGuestVm {
    const guest = this.guests.get(id) ?? new FakeGuestVm(this.programs);
    if (guest.shutDown) this.guests.delete(id);
    else this.guests.set(id, guest);
    return guest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db?.close();
    for (const [name, value] of this.#environment) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
    await Deno.remove(this.path, { recursive: true });
  }
}

export class Collector implements OutputSink {
  text = "";
  readonly closed = new Promise<void>(() => {});
  #flushed = 0;

  write(piece: { offset: number; data: Uint8Array }): undefined {
    assert(piece.offset === this.#flushed || this.#flushed === 0, "no gap, no double");
    this.text += new TextDecoder().decode(piece.data);
    this.#flushed = piece.offset + piece.data.length;
  }
  flushed = () => this.#flushed;
  drained = () => Promise.resolve();
}

export const process = (...args: string[]) => ProcessSpec.parse({ args });
export const request = (args: string[], more: Partial<CreateRequestInput> = {}) =>
  CreateRequest.parse({ image: "test", process: { args, interactive: true }, ...more });

export async function run(
  containers: Containers,
  args: string[],
  more: Partial<CreateRequestInput> = {},
): Promise<{ id: string; exit: Exit | undefined; text: string }> {
  const { id } = await containers.create(request(args, more));
  const { process } = await containers.get(id).startHeld();
  const sink = new Collector();
  const exit = await process.follow(sink, 0);
  return { id, exit, text: sink.text };
}

/** Settles what is done behind an answer. */
export const settled = () => new Promise((resolve) => setTimeout(resolve, 30));

/** Waits for what a timer or another process brings about. */
export async function until(what: string, done: () => boolean): Promise<void> {
  for (const end = performance.now() + 5000; !done();) {
    assert(performance.now() < end, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A new container that runs. */
export async function started(
  containers: Containers,
  args: string[],
  more: Partial<CreateRequestInput> = {},
): Promise<Container> {
  const { id } = await containers.create(request(args, more));
  const container = containers.get(id);
  await container.start();
  return container;
}
