import { z } from "zod";
import { CallerEnvironment, platformText, Rlimit } from "./schemas.ts";

const bytes = z.int().nonnegative();
const text = z.string().max(64 * 1024);
const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/, "base64");
const pairs = z.record(z.string().max(4096), text);

/** A folder of this machine, and how the engine knows that it sees the same one. */
const Folder = z.strictObject({
  kind: z.literal("folder"),
  path: z.string().startsWith("/"),
  device: z.int(),
  inode: z.int(),
});
/** `https://host/repo.git#ref:folder`, `git@host:repo`, `git://…`, or with `?ref=&subdir=`. */
const Git = z.strictObject({ kind: z.literal("git"), url: z.string().max(4096) });
/** An archive, or a Dockerfile alone, at an http or https address. */
const Address = z.strictObject({ kind: z.literal("url"), url: z.string().max(4096) });

/**
 * What COPY and ADD read. `upload`: a tar, compressed or not, comes behind the request in the same body.
 *
 * The engine answers `unsupported` for a folder that it sees otherwise; the CLI then uploads it.
 */
export const BuildContext = z.discriminatedUnion("kind", [
  Folder,
  z.strictObject({ kind: z.literal("upload") }),
  Git,
  Address,
  z.strictObject({ kind: z.literal("none") }),
]);
export type BuildContext = z.output<typeof BuildContext>;

/** `--build-context NAME=…`. */
export const NamedContext = z.discriminatedUnion("kind", [
  Folder,
  Git,
  Address,
  /** `docker-image://REFERENCE`. */
  z.strictObject({ kind: z.literal("image"), reference: z.string().max(4096) }),
  /** `oci-layout://PATH[:tag][@digest]`. */
  z.strictObject({
    kind: z.literal("oci-layout"),
    path: z.string().startsWith("/"),
    tag: z.string().max(256).optional(),
    digest: z.string().max(256).optional(),
  }),
  /** `target:STAGE`: another stage of the same Dockerfile takes the place of the name. */
  z.strictObject({ kind: z.literal("target"), stage: z.string().max(256) }),
]);
export type NamedContext = z.output<typeof NamedContext>;

export const BuildDockerfile = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("text"),
    /** How errors name it: a path as the user gave it, or `-`. */
    name: z.string().max(4096),
    text: z.string().max(4 * 1024 * 1024),
    /** What `<name>.dockerignore` beside it holds. Absent: the context's `.dockerignore` counts. */
    ignore: z.string().max(4 * 1024 * 1024).optional(),
    /** Its path in the context if it lies there: it counts as any file does. */
    path: z.string().max(4096).optional(),
  }),
  z.strictObject({
    kind: z.literal("path"),
    /** Within the context. Absent: `Dockerfile`, then `Containerfile`. */
    path: z.string().max(4096).optional(),
  }),
]);
export type BuildDockerfile = z.output<typeof BuildDockerfile>;

const compression = z.enum(["gzip", "zstd", "none"]);

/** `--output`. `dest` is absolute; `-` sends the bytes as `output` events. */
export const BuildOutput = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("image"),
    /** Besides the tags. */
    names: z.array(z.string().max(4096)).max(64).default([]),
    push: z.boolean().default(false),
    pushByDigest: z.boolean().default(false),
    /** False: not kept in the image store (`type=registry`). */
    store: z.boolean().default(true),
    compression: compression.optional(),
    compressionLevel: z.int().min(0).max(22).optional(),
    forceCompression: z.boolean().default(false),
    format: z.enum(["oci", "docker"]).optional(),
    rewriteTimestamp: z.boolean().default(false),
    annotations: pairs.default({}),
  }),
  z.strictObject({
    type: z.enum(["oci", "docker"]),
    dest: z.string().max(4096),
    /** False: a folder instead of a tar. */
    tar: z.boolean().default(true),
    names: z.array(z.string().max(4096)).max(64).default([]),
    compression: compression.optional(),
    compressionLevel: z.int().min(0).max(22).optional(),
    forceCompression: z.boolean().default(false),
    rewriteTimestamp: z.boolean().default(false),
    annotations: pairs.default({}),
  }),
  z.strictObject({
    type: z.enum(["local", "tar"]),
    dest: z.string().max(4096),
    /** Undefined: a folder per platform when there are several. */
    platformSplit: z.boolean().optional(),
    rewriteTimestamp: z.boolean().default(false),
  }),
  /** Built and cached, nothing made of it. */
  z.strictObject({ type: z.literal("cacheonly") }),
]);
export type BuildOutput = z.output<typeof BuildOutput>;

export const CacheSource = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("registry"), reference: z.string().max(4096) }),
  z.strictObject({
    type: z.literal("local"),
    path: z.string().startsWith("/"),
    digest: z.string().max(256).optional(),
    tag: z.string().max(256).optional(),
  }),
]);
export type CacheSource = z.output<typeof CacheSource>;

const cacheDetails = {
  /** `min`: layers of the result; `max`: of every step. */
  mode: z.enum(["min", "max"]).default("min"),
  compression: compression.optional(),
  compressionLevel: z.int().min(0).max(22).optional(),
  forceCompression: z.boolean().default(false),
  /** An export that fails is told as a warning. */
  ignoreError: z.boolean().default(false),
};
export const CacheTarget = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("inline") }),
  z.strictObject({
    type: z.literal("registry"),
    reference: z.string().max(4096),
    ...cacheDetails,
  }),
  z.strictObject({
    type: z.literal("local"),
    path: z.string().startsWith("/"),
    tag: z.string().max(256).optional(),
    ...cacheDetails,
  }),
]);
export type CacheTarget = z.output<typeof CacheTarget>;

/**
 * `POST /build`: one line of JSON, and behind it the bytes of an uploaded context.
 *
 * Holds secrets: it goes over the engine's socket alone and into no log.
 */
export const BuildRequest = z.strictObject({
  /** `check`, `outline`, `targets`: look at the Dockerfile and build nothing. */
  call: z.enum(["build", "check", "outline", "targets"]).default("build"),
  context: BuildContext,
  dockerfile: BuildDockerfile,
  target: z.string().max(256).optional(),
  /** `--build-arg`; the CLI has resolved bare names, and adds SOURCE_DATE_EPOCH if it is set. */
  buildArgs: pairs.default({}),
  labels: pairs.default({}),
  annotations: z.array(z.strictObject({
    level: z.enum(["manifest", "index", "manifest-descriptor", "index-descriptor"]),
    key: z.string().max(4096),
    value: text,
  })).max(1000).default([]),
  /** References, as given. */
  tags: z.array(z.string().max(4096)).max(64).default([]),
  /** Empty: the host's. */
  platforms: z.array(platformText).max(16).default([]),
  contexts: z.record(z.string().max(256), NamedContext).default({}),
  /** By their id. At most 500 KiB each, as Docker has it. */
  secrets: z.array(z.strictObject({ id: z.string().max(256), value: base64.max(700_000) }))
    .max(128).default([]),
  /** Sockets of agents, by id. */
  ssh: z.array(z.strictObject({ id: z.string().max(256), socket: z.string().startsWith("/") }))
    .max(32).default([]),
  /** Of every RUN that does not say otherwise. */
  network: z.enum(["default", "none", "host"]).default("default"),
  /** What a Dockerfile may ask for: `--allow`. */
  allow: z.array(z.enum(["network.host", "security.insecure"])).default([]),
  addHosts: z.array(z.strictObject({ address: z.string(), names: z.array(z.string()) })).max(1000)
    .default([]),
  dns: z.strictObject({
    nameservers: z.array(z.string()).default([]),
    search: z.array(z.string()).default([]),
    options: z.array(z.string()).default([]),
    domain: z.string().optional(),
  }).optional(),
  cacheFrom: z.array(CacheSource).max(64).default([]),
  cacheTo: z.array(CacheTarget).max(16).default([]),
  /** Empty: into the image store. */
  outputs: z.array(BuildOutput).max(16).default([]),
  noCache: z.boolean().default(false),
  /** Stages whose cache is not used. */
  noCacheFilter: z.array(z.string().max(256)).max(256).default([]),
  /** Ask the registry for base images even if they are here. */
  pull: z.boolean().default(false),
  cpus: z.int().min(1).max(256).optional(),
  memoryBytes: bytes.optional(),
  shmBytes: bytes.optional(),
  ulimits: z.array(Rlimit).max(64).default([]),
  scheme: z.enum(["http", "https", "auto"]).default("auto"),
  environment: CallerEnvironment.optional(),
});
export type BuildRequest = z.output<typeof BuildRequest>;
export type BuildRequestInput = z.input<typeof BuildRequest>;

/** Lines of the Dockerfile, from 1, both included. */
const Lines = z.strictObject({ file: z.string(), first: z.int(), last: z.int() });

const Place = z.strictObject({
  file: z.string(),
  line: z.int(),
  column: z.int(),
  endLine: z.int(),
  endColumn: z.int(),
});
export type Place = z.output<typeof Place>;

/** A finding of `check`, and a `warning` of a build. */
export const BuildFinding = z.strictObject({
  /** Docker's name of the rule; absent: not from a lint. */
  rule: z.string().optional(),
  message: z.string(),
  description: z.string().optional(),
  url: z.string().optional(),
  place: Place.optional(),
});
export type BuildFinding = z.output<typeof BuildFinding>;

export const BuildTarget = z.strictObject({
  /** Undefined: a stage without a name. */
  name: z.string().optional(),
  base: z.string(),
  platform: z.string().optional(),
  description: z.string().optional(),
  /** What is built without `--target`. */
  default: z.boolean(),
  place: Place.optional(),
});
export type BuildTarget = z.output<typeof BuildTarget>;

export const BuildOutline = z.strictObject({
  /** The target. */
  name: z.string().optional(),
  description: z.string().optional(),
  args: z.array(z.strictObject({
    name: z.string(),
    value: z.string().optional(),
    description: z.string().optional(),
    place: Place.optional(),
  })),
  secrets: z.array(z.strictObject({ id: z.string(), required: z.boolean() })),
  ssh: z.array(z.strictObject({ id: z.string(), required: z.boolean() })),
  caches: z.array(z.strictObject({ id: z.string() })),
});
export type BuildOutline = z.output<typeof BuildOutline>;

/** What a `call` other than `build` gives. */
export const BuildAnswer = z.discriminatedUnion("call", [
  z.strictObject({
    call: z.literal("check"),
    findings: z.array(BuildFinding),
    /** The Dockerfile says that findings are errors. */
    error: z.boolean(),
  }),
  z.strictObject({ call: z.literal("outline"), outline: BuildOutline }),
  z.strictObject({ call: z.literal("targets"), targets: z.array(BuildTarget) }),
]);
export type BuildAnswer = z.output<typeof BuildAnswer>;

export const BuildResult = z.strictObject({
  /** Of the index, or of the manifest of a single platform; absent with `cacheonly`, `local`, `tar`. */
  digest: z.string().optional(),
  /** Digest of the config of a single platform: Docker's image ID. */
  configDigest: z.string().optional(),
  /** Names that were given, complete (`docker.io/library/a:latest`) and as people write them. */
  images: z.array(z.strictObject({
    reference: z.string(),
    familiar: z.string(),
    digest: z.string(),
  })),
  /** Of each platform's manifest. */
  platforms: z.array(z.strictObject({ platform: z.string(), digest: z.string() })),
  /** What was written outside the store: files, folders, references that were pushed. */
  written: z.array(z.strictObject({ type: z.string(), dest: z.string() })),
  /** For `--metadata-file`: keys as Docker has them, such as `containerimage.digest`. */
  metadata: z.record(z.string(), z.unknown()),
  steps: z.strictObject({ total: z.int(), cached: z.int(), run: z.int() }),
});
export type BuildResult = z.output<typeof BuildResult>;

const stepId = z.string().max(256);

/**
 * One line of the NDJSON answer of `POST /build`. The last one is `result`, `answer` or `failed`.
 *
 * `time` is Unix milliseconds. Every `step` is followed by one `cached` or one `end` of the same id.
 */
export const BuildEvent = z.discriminatedUnion("kind", [
  /** A step begins: an instruction, or what the builder does of itself (context, base images, export). */
  z.strictObject({
    kind: z.literal("step"),
    id: stepId,
    /** One line: `RUN make`, `load context`, `pull docker.io/library/busybox:latest`. Never a secret. */
    title: z.string(),
    /** Given where there are several. */
    platform: z.string().optional(),
    /** A name, or `stage-N`. */
    stage: z.string().optional(),
    /** Of the stage's steps, from 1, FROM being the first. */
    index: z.int().optional(),
    total: z.int().optional(),
    lines: Lines.optional(),
    time: z.number(),
  }),
  z.strictObject({ kind: z.literal("cached"), id: stepId, time: z.number() }),
  z.strictObject({
    kind: z.literal("log"),
    id: stepId,
    stream: z.enum(["stdout", "stderr"]),
    /** Base64, at most 64 KiB of bytes. */
    data: z.string(),
    time: z.number(),
  }),
  z.strictObject({
    kind: z.literal("progress"),
    id: stepId,
    /** What moves: a digest, a file's name, a platform. */
    item: z.string(),
    phase: z.string(),
    current: bytes,
    /** 0: unknown. */
    total: bytes,
    time: z.number(),
  }),
  z.strictObject({
    kind: z.literal("end"),
    id: stepId,
    ms: z.number(),
    /** It failed, or was given up; one line. */
    error: z.string().optional(),
    time: z.number(),
  }),
  z.strictObject({ kind: z.literal("warning"), finding: BuildFinding }),
  /** Bytes of an output whose `dest` is `-`. */
  z.strictObject({ kind: z.literal("output"), data: z.string() }),
  z.strictObject({ kind: z.literal("result"), result: BuildResult }),
  z.strictObject({ kind: z.literal("answer"), answer: BuildAnswer }),
  z.strictObject({
    kind: z.literal("failed"),
    code: z.string(),
    /** `cannot build "…": …`; of a RUN that ended with a status: what it was and the status. */
    message: z.string(),
    hint: z.string().optional(),
    /** The step whose log is shown in full. */
    id: stepId.optional(),
    /** Of the command of a RUN. */
    exitStatus: z.int().optional(),
    place: Place.optional(),
    /** Lines around it; `marked` are those of the instruction. */
    excerpt: z.array(z.strictObject({ line: z.int(), text: z.string(), marked: z.boolean() }))
      .optional(),
  }),
]);
export type BuildEvent = z.output<typeof BuildEvent>;

/** `GET /build/status`. */
export const BuilderStatus = z.strictObject({
  state: z.enum(["running", "idle"]),
  builds: z.array(z.strictObject({
    id: z.string(),
    startedAt: z.iso.datetime(),
    /** What is built: the first tag, or the context. */
    title: z.string(),
    platforms: z.array(z.string()),
    steps: z.strictObject({ total: z.int(), cached: z.int(), run: z.int() }),
  })),
  /** VMs of builds that run. */
  vms: z.array(z.strictObject({
    platform: z.string(),
    pid: z.int(),
    cpus: z.int(),
    memoryInBytes: bytes,
    addresses: z.array(z.string()),
    startedAt: z.iso.datetime(),
  })),
  cache: z.strictObject({ records: z.int(), sizeInBytes: bytes, reclaimable: bytes }),
});
export type BuilderStatus = z.output<typeof BuilderStatus>;

/** One record of `GET /build/cache?filter=KEY%3DVALUE…`. */
export const BuildCacheRecord = z.strictObject({
  id: z.string(),
  /** `regular`: a layer of a step; `internal`: no layer; `source.local`: digests of contexts. */
  type: z.enum([
    "regular",
    "internal",
    "source.local",
    "source.git",
    "source.http",
    "exec.cachemount",
  ]),
  /** The step, in one line. */
  description: z.string(),
  parents: z.array(z.string()),
  sizeInBytes: bytes,
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime(),
  usageCount: z.int(),
  /** A build that runs uses it. */
  inUse: z.boolean(),
  /** An image has the same layer: removing the record frees nothing. */
  shared: z.boolean(),
});
export type BuildCacheRecord = z.output<typeof BuildCacheRecord>;

/** `POST /build/prune`. */
export const BuildPruneRequest = z.strictObject({
  /** Records too that an image shares, and those of `internal` type. */
  all: z.boolean().default(false),
  /** As `GET /build/cache` takes them: `KEY=VALUE`. */
  filters: z.array(z.string().max(4096)).max(64).default([]),
  /** So much may stay, the latest used ones. */
  keepBytes: bytes.optional(),
});
export type BuildPruneRequest = z.output<typeof BuildPruneRequest>;

export const BuildPruneReply = z.strictObject({
  deleted: z.array(z.string()),
  reclaimedBytes: bytes,
});
export type BuildPruneReply = z.output<typeof BuildPruneReply>;

/** `POST /build/stop`. */
export const BuilderStopReply = z.strictObject({ stopped: z.array(z.string()) });
export type BuilderStopReply = z.output<typeof BuilderStopReply>;
