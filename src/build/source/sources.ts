/** What a build reads: its context, named ones, images. Each is opened when it is first needed. */
import { join } from "node:path";
import type { BuildContext, BuildRequest, NamedContext } from "../../api/mod.ts";
import { CtrError } from "../../core/mod.ts";
import { type IgnoreMatcher, parseIgnoreFile } from "../../dockerfile/mod.ts";
import type { Platform } from "../../oci/mod.ts";
import { binaryOf } from "../../tar/mod.ts";
import type { Reporter } from "../reporter.ts";
import { archiveDisk } from "./archive.ts";
import { type BaseImage, BaseImages } from "./base_image.ts";
import { DiskTree } from "./disk_tree.ts";
import { FolderTree } from "./folder_tree.ts";
import { fetchGit } from "./git.ts";
import { fetchUrl } from "./http.ts";
import { resolveNode } from "./resolve.ts";
import { TextTree } from "./text_tree.ts";
import type { SourceTree } from "./tree.ts";

export interface SourcesOptions {
  readonly request: BuildRequest;
  readonly upload: AsyncIterable<Uint8Array> | undefined;
  readonly images: BaseImages;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** Where what is fetched is put; removed with the build. */
  readonly folder: string;
}

/** A folder or a disk, before anything of it is left out. */
export interface OpenSource {
  tree(ignore?: IgnoreMatcher): SourceTree;
}

type Fetchable = Exclude<BuildContext, { kind: "none" } | { kind: "upload" }>;

/** `.dockerignore` files above this are none. */
const MOST_IGNORE = 4 << 20;
const MOST_DOCKERFILE = 4 << 20;

export class Sources implements Disposable {
  readonly #options: SourcesOptions;
  readonly #trees: SourceTree[] = [];
  readonly #opened = new Map<string, Promise<OpenSource>>();
  readonly #made = new Map<string, Promise<unknown>>();
  readonly #contexts = new Map<string, Promise<SourceTree>>();
  #fetched = 0;

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /** The context, without what is left out. */
  context(): Promise<SourceTree> {
    return this.#once("", async () => {
      const { dockerfile } = this.#options.request;
      const own = dockerfile.kind === "text" ? dockerfile.ignore : await this.#besideDockerfile();
      const source = await this.#main();
      const text = own ?? this.#read(source.tree(), ".dockerignore", MOST_IGNORE);
      return source.tree(text === undefined ? undefined : parseIgnoreFile(text, ".dockerignore"));
    });
  }

  /** @throws {CtrError} `unsupported` if the engine sees other folders than the client. */
  async checkFolders(): Promise<void> {
    const { context, contexts } = this.#options.request;
    for (const each of [context, ...Object.values(contexts)]) {
      if (each.kind === "folder") await folderSource(each.path, each);
    }
  }

  /** Undefined if there is no such named context, or it is another kind of thing. */
  named(name: string): NamedContext | undefined {
    const { contexts } = this.#options.request;
    return Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  }

  /** The files of a named context that is a folder, a repository or an address. */
  namedTree(
    name: string,
    context: Exclude<NamedContext, { kind: "image" | "oci-layout" | "target" }>,
  ): Promise<SourceTree> {
    return this.#once(`named ${name}`, async () => {
      const source = await this.#open(`context ${name}`, context);
      const text = this.#read(source.tree(), ".dockerignore", MOST_IGNORE);
      return source.tree(text === undefined ? undefined : parseIgnoreFile(text, ".dockerignore"));
    });
  }

  image(reference: string, platform: Platform): Promise<BaseImage> {
    return this.#options.images.get(reference, platform);
  }

  /** An image of a layout, brought into the store under a name of its own. */
  layout(
    context: Extract<NamedContext, { kind: "oci-layout" }>,
    platform: Platform,
  ): Promise<BaseImage> {
    return this.#options.images.layout(context, platform);
  }

  /** What ADD fetches. @returns Its folder, with one file or a work tree in it. */
  async fetchUrl(url: string, checksum: string | undefined): Promise<SourceTree> {
    return await this.#once(`url ${checksum ?? ""} ${url}`, async () => {
      const { signal } = this.#options;
      const { folder, mtime } = await fetchUrl(url, checksum, await this.#newFolder(), signal);
      return new FolderTree(folder, { lasting: false, ...(mtime !== undefined && { mtime }) });
    });
  }

  async fetchGit(url: string, keepGitDir: boolean): Promise<SourceTree> {
    return await this.#once(`git ${keepGitDir} ${url}`, async () => {
      const { signal } = this.#options;
      const folder = await fetchGit(url, await this.#newFolder(), { keepGitDir, signal });
      return new FolderTree(folder, { lasting: false });
    });
  }

  /** The text of the Dockerfile in the context, and what it is called there. */
  async dockerfile(path: string | undefined): Promise<{ name: string; text: string }> {
    const source = await this.#main();
    const tree = source.tree();
    for (const name of path === undefined ? ["Dockerfile", "Containerfile"] : [path]) {
      const text = this.#read(tree, name, MOST_DOCKERFILE);
      if (text !== undefined) return { name, text };
    }
    throw new CtrError(
      "not-found",
      `cannot build: the context has no file "${path ?? "Dockerfile"}"`,
      { hint: "name the Dockerfile with --file" },
    );
  }

  /** Runs `make` once for all who ask for the same. */
  once<T>(key: string, make: () => Promise<T>): Promise<T> {
    let made = this.#made.get(key) as Promise<T> | undefined;
    if (!made) {
      made = make();
      made.catch(() => {}); // whoever needs it meets it
      this.#made.set(key, made);
    }
    return made;
  }

  /** Keeps a tree open until the build ends. */
  keep<T extends SourceTree>(tree: T): T {
    this.#trees.push(tree);
    return tree;
  }

  async #besideDockerfile(): Promise<string | undefined> {
    const { dockerfile } = this.#options.request;
    if (dockerfile.kind !== "path") return undefined;
    const path = `${dockerfile.path ?? "Dockerfile"}.dockerignore`;
    return this.#read((await this.#main()).tree(), path, MOST_IGNORE);
  }

  #main(): Promise<OpenSource> {
    const { context } = this.#options.request;
    if (context.kind === "none") {
      return Promise.resolve({ tree: () => new TextTree([]) });
    }
    if (context.kind !== "upload") return this.#open("context", context);
    return this.#openOnce("context", () => this.#uploaded());
  }

  async #uploaded(): Promise<OpenSource> {
    const { upload, signal, reporter } = this.#options;
    if (!upload) throw new CtrError("usage", "cannot build: no context was uploaded");
    const step = reporter.step({ id: "context", title: "load context" }, false);
    let bytes = 0;
    const counted = async function* () {
      for await (const piece of upload) {
        step.progress("context", "receiving", bytes += piece.length, 0);
        yield piece;
      }
    };
    try {
      const disk = join(await this.#newFolder(), "context.ext4");
      await archiveDisk(counted(), disk, { doing: "cannot read the context", signal });
      step.end();
      return this.#diskSource(disk);
    } catch (error) {
      step.end(error);
      throw error;
    }
  }

  #diskSource(disk: string): OpenSource {
    return {
      tree: (ignore) => this.keep(new DiskTree([{ disk }], { owner: ROOT, ignore })),
    };
  }

  #open(name: string, context: Fetchable): Promise<OpenSource> {
    return this.#openOnce(name, async () => {
      if (context.kind === "folder") return await folderSource(context.path, context);
      const { signal, reporter } = this.#options;
      const step = reporter.step({ id: name, title: `load ${name} ${context.url}` }, false);
      try {
        const folder = await this.#newFolder();
        if (context.kind === "git") {
          const path = await fetchGit(context.url, folder, { keepGitDir: false, signal });
          step.end();
          return { tree: (ignore) => new FolderTree(path, { ignore, lasting: false }) };
        }
        const source = await this.#address(context.url, folder);
        step.end();
        return source;
      } catch (error) {
        step.end(error);
        throw error;
      }
    });
  }

  /** An archive, or a Dockerfile alone. */
  async #address(url: string, folder: string): Promise<OpenSource> {
    const { signal } = this.#options;
    const { folder: fetched, name } = await fetchUrl(url, undefined, folder, signal);
    const disk = join(folder, "context.ext4");
    const file = join(fetched, name);
    if (await archiveDisk(file, disk, { doing: `cannot read "${url}"`, signal, tolerant: true })) {
      return this.#diskSource(disk);
    }
    const text = await Deno.readTextFile(file);
    return { tree: () => new TextTree([{ name: "Dockerfile", content: text }]) };
  }

  #read(tree: SourceTree, path: string, limit: number): string | undefined {
    const bytes = readSmall(tree, path, limit);
    return bytes && new TextDecoder().decode(bytes);
  }

  #once(key: string, open: () => Promise<SourceTree>): Promise<SourceTree> {
    let tree = this.#contexts.get(key);
    if (!tree) {
      tree = open().then((tree) => this.keep(tree));
      tree.catch(() => {}); // whoever needs it meets it
      this.#contexts.set(key, tree);
    }
    return tree;
  }

  #openOnce(key: string, open: () => Promise<OpenSource>): Promise<OpenSource> {
    let source = this.#opened.get(key);
    if (!source) {
      source = open();
      source.catch(() => {});
      this.#opened.set(key, source);
    }
    return source;
  }

  async #newFolder(): Promise<string> {
    const path = join(this.#options.folder, `source-${++this.#fetched}`);
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  }

  [Symbol.dispose](): void {
    for (const tree of this.#trees.splice(0)) tree[Symbol.dispose]();
  }
}

const ROOT = { uid: 0, gid: 0 };

/** The CLI has seen the same folder: the engine may live in another mount namespace. */
async function folderSource(
  path: string,
  seen: { readonly device: number; readonly inode: number },
): Promise<OpenSource> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info?.isDirectory || info.dev !== seen.device || info.ino !== seen.inode) {
    throw new CtrError(
      "unsupported",
      `cannot read "${path}": the engine sees another folder there`,
    );
  }
  const real = await Deno.realPath(path);
  return { tree: (ignore) => new FolderTree(real, { ignore }) };
}

/** A file of a tree, links followed within it. Undefined: there is none. */
export function readSmall(tree: SourceTree, path: string, limit: number): Uint8Array | undefined {
  const node = resolveNode(tree, binaryOf(path));
  if (node?.type !== "file") return undefined;
  if (node.size > limit) {
    throw new CtrError(
      "too-large",
      `cannot read "${path}": it has ${node.size} bytes, more than ${limit}`,
    );
  }
  if (node.size === 0) return new Uint8Array(0);
  const { content } = node;
  if (content?.from === "bytes") return content.bytes;
  if (content?.from === "host") return Deno.readFileSync(content.path);
  return tree instanceof DiskTree ? tree.readFile(node.path, limit) : undefined;
}
