import { CtrError } from "../../core/mod.ts";
import { binaryOf, TAR_END, tarHeader, tarPadding } from "../../tar/mod.ts";
import { hostError } from "./host_error.ts";

const BUFFER = 1 << 20;
const MAX_DEPTH = 512;

export interface PackOptions {
  /** A file, folder or link of this host. */
  readonly source: string;
  /** What it is called in the archive. Undefined: a folder's content alone, below `./`. */
  readonly name: string | undefined;
  /** Follow the link that the source itself is. */
  readonly followLink: boolean;
  /** Told of what was left out. */
  readonly note: (text: string) => void;
}

/**
 * Packs a tree of this host: names in order, modes, owners, whole seconds, hard links as such.
 *
 * Calls to the host are synchronous: for many small files a promise each would cost more than they do.
 *
 * @returns Large pieces, each valid until the next one is asked for.
 * @throws {CtrError} `not-found`, `denied`.
 */
export function* packTree(options: PackOptions): Generator<Uint8Array, void> {
  yield* new Packer(options).pieces();
}

interface Pending {
  readonly path: string;
  /** In the archive. */
  readonly name: string;
  readonly depth: number;
}

class Packer {
  readonly #options: PackOptions;
  readonly #buffer = new Uint8Array(BUFFER);
  #length = 0;
  readonly #links = new Map<string, string>();

  constructor(options: PackOptions) {
    this.#options = options;
  }

  *pieces(): Generator<Uint8Array, void> {
    const { source, name = "." } = this.#options;
    const pending: Pending[] = [{ path: source, name, depth: 0 }];
    for (let next = pending.pop(); next; next = pending.pop()) {
      let info: Deno.FileInfo;
      try {
        const followed = next.depth === 0 && this.#options.followLink;
        info = followed ? Deno.statSync(next.path) : Deno.lstatSync(next.path);
      } catch (error) {
        if (next.depth === 0 || !(error instanceof Deno.errors.NotFound)) {
          throw hostError(error, `cannot read "${next.path}"`);
        }
        this.#leaveOut(next, "it went away, or its name is not UTF-8");
        continue;
      }
      yield* this.#pack(next, info);
      if (info.isDirectory) pending.push(...this.#children(next).reverse());
    }
    yield* this.#put(TAR_END);
    if (this.#length > 0) yield this.#buffer.subarray(0, this.#length);
  }

  #children({ path, name, depth }: Pending): Pending[] {
    if (depth >= MAX_DEPTH) {
      throw new CtrError("too-large", `cannot read "${path}": more than ${MAX_DEPTH} folders deep`);
    }
    try {
      return [...Deno.readDirSync(path)].map((entry) => entry.name).sort().map((child) => ({
        path: `${path}/${child}`,
        name: `${name}/${child}`,
        depth: depth + 1,
      }));
    } catch (error) {
      throw hostError(error, `cannot read "${path}"`);
    }
  }

  *#pack(next: Pending, info: Deno.FileInfo): Generator<Uint8Array, void> {
    if (info.isDirectory) return yield* this.#put(header(next.name, "directory", info));
    const known = (info.nlink ?? 1) > 1 ? this.#firstName(next, info) : undefined;
    if (known !== undefined) {
      const linkTarget = binaryOf(known);
      return yield* this.#put(header(next.name, "hardlink", info, { linkTarget }));
    }
    if (info.isSymlink) {
      const linkTarget = binaryOf(this.#readLink(next));
      return yield* this.#put(header(next.name, "symlink", info, { linkTarget }));
    }
    if (info.isFile) return yield* this.#packFile(next, info);
    this.#leaveOut(next, "it is neither file nor folder nor link");
  }

  /** @returns Undefined if this is its first name. */
  #firstName({ name }: Pending, { dev, ino }: Deno.FileInfo): string | undefined {
    const key = `${dev}:${ino}`;
    const first = this.#links.get(key);
    if (first === undefined) this.#links.set(key, name);
    return first;
  }

  #readLink({ path }: Pending): string {
    try {
      return Deno.readLinkSync(path);
    } catch (error) {
      throw hostError(error, `cannot read "${path}"`);
    }
  }

  *#packFile(next: Pending, info: Deno.FileInfo): Generator<Uint8Array, void> {
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(next.path);
    } catch (error) {
      throw hostError(error, `cannot read "${next.path}"`);
    }
    try {
      yield* this.#put(header(next.name, "file", info, { size: info.size }));
      let left = info.size;
      while (left > 0) {
        if (this.#length === BUFFER) yield* this.#flush();
        const room = this.#buffer.subarray(this.#length, this.#length + left);
        const count = file.readSync(room);
        if (count === null) break;
        this.#length += count;
        left -= count;
      }
      if (left > 0) {
        this.#options.note(
          `"${next.path}" became shorter while it was read; zeros stand for the rest`,
        );
        yield* this.#zeros(left);
      }
      yield* this.#put(tarPadding(info.size));
    } catch (error) {
      throw hostError(error, `cannot read "${next.path}"`);
    } finally {
      file.close();
    }
  }

  *#put(bytes: Uint8Array): Generator<Uint8Array, void> {
    for (let at = 0; at < bytes.length;) {
      if (this.#length === BUFFER) yield* this.#flush();
      const take = Math.min(BUFFER - this.#length, bytes.length - at);
      this.#buffer.set(take === bytes.length ? bytes : bytes.subarray(at, at + take), this.#length);
      this.#length += take;
      at += take;
    }
  }

  *#zeros(count: number): Generator<Uint8Array, void> {
    for (let left = count; left > 0;) {
      if (this.#length === BUFFER) yield* this.#flush();
      const take = Math.min(BUFFER - this.#length, left);
      this.#buffer.fill(0, this.#length, this.#length + take);
      this.#length += take;
      left -= take;
    }
  }

  *#flush(): Generator<Uint8Array, void> {
    yield this.#buffer;
    this.#length = 0;
  }

  #leaveOut({ path }: Pending, why: string): void {
    this.#options.note(`left out "${path}": ${why}`);
  }
}

function header(
  name: string,
  type: "file" | "directory" | "symlink" | "hardlink",
  info: Deno.FileInfo,
  more: { readonly size?: number; readonly linkTarget?: string } = {},
): Uint8Array {
  return tarHeader({
    path: binaryOf(name),
    type,
    mode: (info.mode ?? 0o644) & 0o7777,
    uid: info.uid ?? 0,
    gid: info.gid ?? 0,
    mtime: Math.floor((info.mtime?.getTime() ?? 0) / 1000),
    ...more,
  });
}
