/** What the sources of COPY and ADD name: with Docker's globs, links followed within their tree. */
import { CtrError } from "../../core/mod.ts";
import { compileGlob, type Glob, hasGlob, type IgnoreMatcher } from "../../dockerfile/mod.ts";
import { binaryOf, textOf } from "../../tar/mod.ts";
import { resolvePath } from "../source/resolve.ts";
import { below, byteOrder, nameOf, type SourceNode, type SourceTree } from "../source/tree.ts";

/** One thing that a source names, and what it holds. */
export interface Item {
  /** What it is called at its destination. */
  readonly name: string;
  /** Of a directory, everything below it, parents first; `path` is relative to it. */
  readonly entries: readonly ItemEntry[];
  readonly isDirectory: boolean;
}

export interface ItemEntry {
  /** Relative to the item; empty for the item itself. */
  readonly path: string;
  readonly node: SourceNode;
}

export interface SelectOptions {
  readonly parents: boolean;
  readonly exclude: IgnoreMatcher | undefined;
  /** Says where sources were looked for: `the context`. */
  readonly where: string;
}

/** More than this in one instruction is a mistake, or an attack. */
const MOST_ENTRIES = 4 << 20;

/**
 * Finds what sources name.
 *
 * @param patterns Texts, variables expanded.
 * @throws {CtrError} `not-found` if a source without wildcards is not there.
 */
export function select(
  tree: SourceTree,
  patterns: readonly string[],
  options: SelectOptions,
): Item[] {
  const selection = new Selection(tree, options);
  return patterns.flatMap((pattern) =>
    options.parents ? selection.withParents(pattern) : selection.plain(pattern)
  );
}

class Selection {
  readonly #tree: SourceTree;
  readonly #options: SelectOptions;
  #entries = 0;

  constructor(tree: SourceTree, options: SelectOptions) {
    this.#tree = tree;
    this.#options = options;
  }

  plain(pattern: string): Item[] {
    if (!hasGlob(pattern)) {
      const path = binaryOf(unescaped(pattern));
      const node = this.#tree.lookup(resolvePath(this.#tree, path));
      if (!node) throw this.#missing(pattern);
      return [this.#item(nameOf(cleaned(path)), node)];
    }
    return this.#expand(partsOf(pattern)).flatMap((path) => {
      const node = this.#tree.lookup(resolvePath(this.#tree, path));
      return node && !this.#excludesItem(path, node) ? [this.#item(nameOf(path), node)] : [];
    });
  }

  /** `a/./b/c`: what stands in front of the dot is not copied with it. */
  withParents(pattern: string): Item[] {
    const pivot = pattern.indexOf("/./");
    const base = pivot < 0 ? "" : resolvePath(this.#tree, binaryOf(pattern.slice(0, pivot)));
    const rest = partsOf(pivot < 0 ? pattern : pattern.slice(pivot + 3)).join("/");
    const entries = new Map<string, SourceNode>();
    if (!hasGlob(rest)) {
      this.#addWithParents(entries, base, binaryOf(unescaped(rest)));
      if (entries.size === 0) throw this.#missing(pattern);
    } else {
      const glob = compileGlob(rest, { deep: true });
      for (const path of this.#matching(base, glob)) this.#addWithParents(entries, base, path);
    }
    const items = [...entries].map(([path, node]) => ({ path, node }))
      .sort((a, b) => byteOrder(a.path, b.path));
    return items.length === 0 ? [] : [{ name: "", entries: items, isDirectory: true }];
  }

  /** The paths of a pattern with wildcards, links in front of the last part followed. */
  #expand(parts: readonly string[]): string[] {
    let found = [""];
    for (const part of parts) {
      if (!hasGlob(part)) {
        const name = binaryOf(unescaped(part));
        found = found.map((folder) => below(folder, name)).filter((path) =>
          this.#tree.lookup(resolvePath(this.#tree, path)) !== undefined
        );
        continue;
      }
      const glob = compileGlob(part);
      found = found.flatMap((folder) =>
        this.#tree.children(resolvePath(this.#tree, folder))
          .map(({ path }) => nameOf(path))
          .filter((name) => glob.matches(textOf(name)))
          .map((name) => below(folder, name))
      );
    }
    return found;
  }

  *#matching(base: string, glob: Glob): Generator<string> {
    const pending = [""];
    for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
      for (const node of this.#tree.children(inside(base, folder))) {
        const path = below(folder, nameOf(node.path));
        this.#count();
        if (glob.matches(textOf(path))) yield path;
        else if (node.type === "directory") pending.push(path);
      }
    }
  }

  #addWithParents(entries: Map<string, SourceNode>, base: string, path: string): void {
    const node = this.#tree.lookup(inside(base, path));
    if (!node) return;
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join("/");
      const found = this.#tree.lookup(inside(base, parent));
      if (found) entries.set(parent, found);
    }
    for (const entry of this.#entriesOf(node)) {
      entries.set(entry.path === "" ? path : below(path, entry.path), entry.node);
    }
  }

  #item(name: string, node: SourceNode): Item {
    const isDirectory = node.type === "directory";
    return { name, isDirectory, entries: [...this.#entriesOf(node)] };
  }

  *#entriesOf(top: SourceNode): Generator<ItemEntry> {
    this.#count();
    yield { path: "", node: top };
    if (top.type !== "directory") return;
    const { exclude } = this.#options;
    const pending: ItemEntry[] = [{ path: "", node: top }];
    for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
      const inner: ItemEntry[] = [];
      for (const node of this.#tree.children(folder.node.path)) {
        const path = below(folder.path, nameOf(node.path));
        if (exclude?.some && exclude.ignores(textOf(path))) {
          if (node.type === "directory" && !exclude.prunes(textOf(path))) {
            inner.push({ path, node });
          }
          continue;
        }
        this.#count();
        yield { path, node };
        if (node.type === "directory") inner.push({ path, node });
      }
      pending.push(...inner.reverse());
    }
  }

  #excludesItem(path: string, node: SourceNode): boolean {
    const { exclude } = this.#options;
    return node.type !== "directory" && exclude !== undefined && exclude.some &&
      exclude.ignores(textOf(nameOf(path)));
  }

  #count(): void {
    if (++this.#entries <= MOST_ENTRIES) return;
    throw new CtrError("too-large", `cannot copy: there are more than ${MOST_ENTRIES} files`);
  }

  #missing(pattern: string): CtrError {
    return new CtrError(
      "not-found",
      `cannot copy "${pattern}": ${this.#options.where} has no such file`,
      {
        hint: "see whether .dockerignore leaves it out",
      },
    );
  }
}

/** Clean parts of a pattern; what would leave the root stays at it. */
function partsOf(pattern: string): string[] {
  const parts: string[] = [];
  for (const part of pattern.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return parts;
}

function cleaned(path: string): string {
  return partsOf(path).join("/");
}

/** Without the escapes of a pattern that has no wildcards. */
function unescaped(pattern: string): string {
  return pattern.replace(/\\(.)/gsu, "$1");
}

function inside(base: string, path: string): string {
  return base === "" ? path : path === "" ? base : `${base}/${path}`;
}
