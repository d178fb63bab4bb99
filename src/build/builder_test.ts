import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { BuildEvent, BuildRequestInput } from "../api/mod.ts";
import { BuildRequest } from "../api/mod.ts";
import { SILENT } from "../core/mod.ts";
import { type Images, openImages } from "../image/mod.ts";
import { makeLayer, stopUnpackWorkers } from "../unpack/mod.ts";
import { cachedLayers, openBuilder } from "./builder.ts";
import type { RunStep, StepIo, StepRunner } from "./run/types.ts";
import type { Builder } from "./types.ts";

/** A RUN of `say TEXT` leaves a file; of `fail`, a status; of `wait`, nothing until it is given up. */
class FakeRunner implements StepRunner {
  readonly ran: string[] = [];
  readonly failing = new Set<string>();

  open(): ReturnType<StepRunner["open"]> {
    return {
      prepare: () => {},
      run: (step, io) => this.#run(step, io),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  async #run(step: RunStep, io: StepIo) {
    const line = step.args.at(-1)!;
    this.ran.push(line);
    await io.output("stdout", new TextEncoder().encode(`${line}\n`));
    if (line === "wait") {
      await new Promise((_, reject) =>
        io.signal!.addEventListener("abort", () => reject(io.signal!.reason))
      );
    }
    if (line === "fail") return { exitStatus: 3, oomKilled: false, tookMs: 1 };
    const layer = packed(step, line);
    return { exitStatus: 0, oomKilled: false, tookMs: 1, outcome: { stepId: step.id, layer } };
  }

  status = () => [];
  caches = () => Promise.resolve([]);
  removeCaches = () => Promise.resolve([]);
  sweep = () => Promise.resolve();
  stop = () => Promise.resolve();
}

async function packed({ layer }: RunStep, text: string) {
  const bytes = new TextEncoder().encode(text);
  const { blob, disk } = layer!;
  const made = await makeLayer({
    content: {
      kind: "entries",
      entries: [{
        path: text.replaceAll(/\W/g, "-"),
        type: "file",
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: bytes.length,
        mtime: 1,
        content: { from: "bytes", bytes },
      }],
      disks: [],
    },
    blob,
    disk,
    compression: "gzip",
    doing: "cannot pack",
  });
  const { diffId, digest, size, entries } = made;
  const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
  return { path: disk, diffId, entries, blob: { path: blob, digest, size, mediaType } };
}

interface Home {
  readonly path: string;
  readonly context: string;
  readonly images: Images;
  readonly builder: Builder;
  readonly runner: FakeRunner;
  build(
    dockerfile: string,
    more?: Partial<BuildRequestInput>,
    signal?: AbortSignal,
  ): Promise<BuildEvent[]>;
  /** A new engine upon what an old one has left. */
  reopen(): Promise<Home>;
}

async function withHome(work: (home: Home) => Promise<void>): Promise<void> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "ctr-builder-" }));
  const context = `${path}/context`;
  await Deno.mkdir(context);
  const open: DatabaseSync[] = [];
  const openHome = async (): Promise<Home> => {
    const db = new DatabaseSync(`${path}/state.db`);
    open.push(db);
    const runner = new FakeRunner();
    const images = await openImages({ home: path, db, cached: cachedLayers(db) });
    const builder = openBuilder({ home: path, db, images, log: SILENT, runner: () => runner });
    const { dev, ino } = await Deno.stat(context);
    return {
      path,
      context,
      images,
      builder,
      runner,
      reopen: openHome,
      build: async (dockerfile, more = {}, signal = new AbortController().signal) => {
        const events: BuildEvent[] = [];
        await builder.build(
          BuildRequest.parse({
            context: { kind: "folder", path: context, device: dev, inode: ino },
            dockerfile: { kind: "text", name: "Dockerfile", text: dockerfile },
            ...more,
          }),
          { signal, emit: (event) => void events.push(event) },
        );
        return events;
      },
    };
  };
  try {
    await work(await openHome());
  } finally {
    stopUnpackWorkers();
    for (const db of open) db.close();
    await Deno.remove(path, { recursive: true });
  }
}

function last(events: readonly BuildEvent[]): BuildEvent {
  return events.at(-1)!;
}

function digestOf(events: readonly BuildEvent[]): string {
  const event = last(events);
  assert.equal(event.kind, "result", JSON.stringify(event));
  return event.kind === "result" ? event.result.digest! : "";
}

function stepsOf(events: readonly BuildEvent[]) {
  const event = last(events);
  return event.kind === "result" ? event.result.steps : undefined;
}

const FILE = `FROM scratch AS one
RUN say one
RUN say two
FROM scratch
COPY --from=one /say-one /
COPY a /b/
ENV X=y
`;

Deno.test("a builder makes an image once, and the same one from its cache", () =>
  withHome(async (home) => {
    await Deno.writeTextFile(`${home.context}/a`, "a");
    const first = await home.build(FILE, { tags: ["x:1"] });
    const digest = digestOf(first);
    assert.deepEqual(home.runner.ran, ["say one", "say two"]);
    const again = await home.build(FILE, { tags: ["x:2"] });
    assert.equal(digestOf(again), digest);
    assert.equal(stepsOf(again)?.run, 0);
    assert.equal(home.runner.ran.length, 2);
    const names = (await home.images.list()).map(({ familiar }) => familiar);
    assert.deepEqual(names, ["x:1", "x:2"]);
    const [image] = (await home.images.inspect("x:1")).variants;
    assert.deepEqual((image!.config["rootfs"] as { diff_ids: string[] }).diff_ids.length, 2);
    // The next engine finds it too.
    const next = await home.reopen();
    assert.equal(digestOf(await next.build(FILE)), digest);
    assert.deepEqual(next.runner.ran, []);
  }));

Deno.test("two builds at once share what they make", () =>
  withHome(async (home) => {
    await Deno.writeTextFile(`${home.context}/a`, "a");
    const both = await Promise.all([home.build(FILE), home.build(FILE)]);
    assert.equal(digestOf(both[0]!), digestOf(both[1]!));
    assert.deepEqual(home.runner.ran.filter((line) => line === "say one"), ["say one"]);
  }));

Deno.test("a step that fails ends the build with its place and status; what was done before stays done", () =>
  withHome(async (home) => {
    const text =
      "FROM scratch AS side\nRUN wait\nFROM scratch\nRUN say one\nRUN fail\nCOPY --from=side / /\n";
    const failed = last(await home.build(text));
    assert.equal(failed.kind, "failed");
    if (failed.kind !== "failed") return;
    assert.deepEqual([failed.exitStatus, failed.place?.line], [3, 5]);
    assert.match(failed.message, /^cannot run "RUN fail": it ended with status 3$/);
    assert.equal(failed.excerpt?.find(({ marked }) => marked)?.text, "RUN fail");
    home.runner.ran.length = 0;
    await home.build("FROM scratch\nRUN say one\nRUN say three\n");
    assert.deepEqual(home.runner.ran, ["say three"]);
    assert.equal(home.builder.active, 0);
  }));

Deno.test("a build that is given up ends, and leaves no files", () =>
  withHome(async (home) => {
    const abort = new AbortController();
    const building = home.build("FROM scratch\nRUN wait\n", {}, abort.signal);
    while (!home.runner.ran.includes("wait")) await new Promise((go) => setTimeout(go, 5));
    abort.abort(new Error("gone"));
    const failed = last(await building);
    assert.equal(failed.kind === "failed" && failed.code, "cancelled");
    assert.deepEqual([...Deno.readDirSync(`${home.path}/build-files`)], []);
    assert.deepEqual([...Deno.readDirSync(`${home.path}/content/ingest`)], []);
    assert.deepEqual([...Deno.readDirSync(`${home.path}/layers`)], []);
  }));

Deno.test("a cache that lost its files is made again", () =>
  withHome(async (home) => {
    const text = "FROM scratch\nRUN say one\n";
    const digest = digestOf(await home.build(text));
    const blobs = `${home.path}/content/blobs/sha256`;
    for (const { name } of Deno.readDirSync(blobs)) await Deno.remove(`${blobs}/${name}`);
    assert.equal(digestOf(await home.build(text)).length, digest.length);
    assert.deepEqual(home.runner.ran, ["say one", "say one"]);
  }));

Deno.test("the cache is kept from the images' pruning, and goes with its own", () =>
  withHome(async (home) => {
    const text = "FROM scratch\nRUN say one\n";
    await home.build(text, { outputs: [{ type: "cacheonly" }] });
    await home.images.prune({ all: true });
    await home.build(text, { outputs: [{ type: "cacheonly" }] });
    assert.deepEqual(home.runner.ran, ["say one"]);
    const [record] = await home.builder.cache(["type=regular"]);
    assert.deepEqual([record?.shared, record?.inUse, record?.usageCount], [false, false, 2]);
    assert.ok((await home.builder.usage()).reclaimable > 0);
    const { deleted, reclaimedBytes } = await home.builder.prune({ all: false, filters: [] });
    assert.equal(deleted.length, 1);
    assert.ok(reclaimedBytes > 0);
    assert.deepEqual([...Deno.readDirSync(`${home.path}/layers`)], []);
    await home.build(text, { outputs: [{ type: "cacheonly" }] });
    assert.equal(home.runner.ran.length, 2);
  }));

Deno.test("secrets are in no key, no event and no document", () =>
  withHome(async (home) => {
    const text = "FROM scratch\nRUN --mount=type=secret,id=token,env=TOKEN say one\n";
    const secret = (value: string) => ({
      secrets: [{ id: "token", value: btoa(value) }],
      tags: ["x"],
    });
    const events = await home.build(text, secret("hunter2hunter2"));
    assert.equal(JSON.stringify(events).includes("hunter2"), false);
    assert.equal(digestOf(await home.build(text, secret("another"))), digestOf(events));
    assert.deepEqual(home.runner.ran, ["say one"]);
    const none = last(
      await home.build("FROM scratch\nRUN --mount=type=secret,id=t,required=true x\n"),
    );
    assert.match(none.kind === "failed" ? none.message : "", /secret "t".*not given/);
  }));
