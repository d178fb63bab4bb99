/**
 * What the peer makes of the corpus, kept from one run to the next: its answer depends on its version, the Dockerfile,
 * the context and the base images alone, and those are the key.
 */
import { createHash } from "node:crypto";
import { run } from "../../image/support/tools.ts";
import type { Case } from "./cases.ts";
import { type Built, Peer } from "./peer.ts";

const HOME = Deno.env.get("HOME") ?? "/tmp";
const FOLDER = `${Deno.env.get("CTR_CACHE") ?? `${HOME}/.cache/ctr`}/corpus`;
const SOURCES = ["context.ts", "expected.ts", "image_config.ts", "image_tree.ts", "peer.ts"];
const BASES = ["busybox:latest", "busybox:entrypoint", "busybox:layers", "busybox:user"];
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/** What its RUN leaves of its own mounts, and Docker's does not. Debian has a /run of its own. */
const LEFT = [
  ...["hosts", "hostname", "resolv.conf"].map((name) => [`etc/${name}`, `file 755 0:0 ${EMPTY}`]),
  ["run", "directory 755 0:0"],
];

export class Expected implements AsyncDisposable {
  #peer: Promise<Peer> | undefined;

  private constructor(
    readonly registry: string,
    readonly context: string,
    readonly common: readonly string[],
  ) {}

  static async open(registry: string, context: string): Promise<Expected> {
    const sources = SOURCES.map((name) => Deno.readTextFile(new URL(name, import.meta.url)));
    const bases = [...BASES, "debian:12-slim"].map((name) => digestOf(registry, name));
    const common = await Promise.all([run("buildah", "--version"), ...sources, ...bases]);
    await Deno.mkdir(FOLDER, { recursive: true });
    return new Expected(registry, context, common);
  }

  async of(one: Case): Promise<Built> {
    const file = `${FOLDER}/${await this.#key(one)}.json`;
    try {
      const { tree, config } = JSON.parse(await Deno.readTextFile(file));
      return { tree: new Map(tree), config };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    const { tree, config } = await this.#build(one);
    const kept = new Map(tree);
    for (const [path, line] of LEFT) {
      if (path === "run" && tree.has("etc/debian_version")) continue;
      if (tree.get(path!) === line) kept.delete(path!);
    }
    await Deno.writeTextFile(`${file}.new`, JSON.stringify({ tree: [...kept], config }));
    await Deno.rename(`${file}.new`, file);
    return { tree: kept, config };
  }

  async #key(one: Case): Promise<string> {
    const ignore = one.peerIgnoreFile ? await Deno.readTextFile(one.peerIgnoreFile) : "";
    const own = [await Deno.readTextFile(one.peerFile), ignore, one.peerFlags.join(" ")];
    return createHash("sha256").update(JSON.stringify([...this.common, ...own])).digest("hex");
  }

  async #build(one: Case): Promise<Built> {
    this.#peer ??= Peer.open(this.registry);
    const peer = await this.#peer;
    const ignore = one.peerIgnoreFile ? ["--ignorefile", one.peerIgnoreFile] : [];
    const args = [...one.peerFlags, ...ignore, "-f", one.peerFile, this.context];
    return await peer.look(await peer.build(one.name, args));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#peer)?.[Symbol.asyncDispose]();
  }
}

async function digestOf(registry: string, name: string): Promise<string> {
  const [repository, tag] = name.split(":");
  const types = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
  ];
  const answer = await fetch(`http://${registry}/v2/library/${repository}/manifests/${tag}`, {
    method: "HEAD",
    headers: { accept: types.join(", ") },
  });
  await answer.body?.cancel();
  return `${name} ${answer.headers.get("docker-content-digest")}`;
}
