/** Steps without a Dockerfile: a `StepRunner` of a home of its own, upon an image's layer disks. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openStepRunner } from "../../../src/build/run/runner.ts";
import type { RunContext } from "../../../src/build/run/context.ts";
import type {
  LayerDisk,
  RunResult,
  RunStep,
  StepMount,
  StepRunner,
  StepSession,
} from "../../../src/build/run/types.ts";
import { SILENT } from "../../../src/core/mod.ts";
import { chooseHypervisor } from "../../../src/hypervisor/mod.ts";
import { openImages } from "../../../src/image/mod.ts";
import { NetworkRecords, Networks } from "../../../src/network/mod.ts";
import { stopUnpackWorkers } from "../../../src/unpack/mod.ts";
import { connectGuestOf } from "../../../src/vm/mod.ts";

/** The registry of the tests; without one they are skipped. */
export const REGISTRY = Deno.env.get("CTR_TEST_REGISTRY") ?? "";

export interface Ran extends RunResult {
  readonly stdout: string;
  readonly stderr: string;
}

export class StepHome implements AsyncDisposable {
  readonly #db: DatabaseSync;
  readonly #networks: Networks;
  #steps = 0;

  private constructor(
    readonly path: string,
    readonly runner: StepRunner,
    db: DatabaseSync,
    networks: Networks,
  ) {
    this.#db = db;
    this.#networks = networks;
  }

  static async open(
    path: string,
    more: Partial<RunContext> = {},
  ): Promise<StepHome> {
    await Deno.mkdir(join(path, "run"), { recursive: true });
    const db = new DatabaseSync(join(path, "state.db"));
    const networks = new Networks({ home: path, records: new NetworkRecords(db), log: SILENT });
    const runner = openStepRunner({
      home: path,
      hypervisor: chooseHypervisor({ stateFolder: join(path, "run") }),
      connect: connectGuestOf("test"),
      networks,
      log: SILENT,
      defaults: () => Promise.resolve({ cpus: 1, memoryBytes: 512 * 1024 ** 2 }),
      ...more,
    });
    return new StepHome(path, runner, db, networks);
  }

  /** The layer disks of an image of the registry. */
  async image(name: string, architecture = "amd64"): Promise<LayerDisk[]> {
    const images = await openImages({ home: this.path, db: this.#db });
    const platform = { os: "linux", architecture };
    try {
      const reference = `${REGISTRY}/${name}`;
      await images.pull(reference, { scheme: "http", platform });
      const { layerDisks } = await images.resolveForRun(reference, platform);
      return layerDisks.map((each, at) => ({ path: each, diffId: `sha256:${architecture}${at}` }));
    } finally {
      await images[Symbol.asyncDispose]();
    }
  }

  session(architecture = "amd64", buildId = crypto.randomUUID()): StepSession {
    return this.runner.open({ buildId, platform: { architecture } });
  }

  /** Runs a line of shell. */
  async run(
    session: StepSession,
    lowers: RunStep["lowers"],
    line: string,
    more: Partial<RunStep> & { readonly signal?: AbortSignal } = {},
  ): Promise<Ran> {
    const id = `s${++this.#steps}`;
    const { signal, ...step } = more;
    const out = { stdout: "", stderr: "" };
    const result = await session.run({
      id,
      lowers,
      args: ["/bin/sh", "-c", line],
      env: [],
      cwd: "/",
      user: "",
      mounts: [],
      network: "default",
      security: "sandbox",
      addHosts: [],
      hostname: "builder",
      shmBytes: 0,
      layer: {
        blob: join(this.path, `${id}.blob`),
        disk: join(this.path, `${id}.ext4`),
        compression: "gzip",
      },
      ...step,
    }, {
      output: (stream, bytes) => void (out[stream] += new TextDecoder().decode(bytes)),
      signal,
    });
    return { ...result, ...out };
  }

  /** Resolves when no VM of a build is left, which ends behind the build's back. */
  async quiet(): Promise<void> {
    await this.runner.stop();
    assert.deepEqual([...Deno.readDirSync(join(this.path, "builds"))], []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runner.stop();
    stopUnpackWorkers();
    await this.#networks.stopUnused();
    this.#networks.releaseAll();
    this.#db.close();
    await Deno.remove(this.path, { recursive: true });
  }
}

export function cache(id: string, more: Partial<Extract<StepMount, { kind: "cache" }>> = {}) {
  return {
    kind: "cache",
    target: "/cache",
    id,
    sharing: "shared",
    readonly: false,
    mode: 0o755,
    uid: 0,
    gid: 0,
    ...more,
  } as const;
}

/** Names in a layer's archive, in its order. */
export async function namesIn(blob: string): Promise<string[]> {
  const { stdout, success, stderr } = await new Deno.Command("tar", { args: ["-tzf", blob] })
    .output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n");
}
