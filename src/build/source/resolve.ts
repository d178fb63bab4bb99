/** Symbolic links, followed within a tree: what leaves it at the top stays at the top. */
import { CtrError } from "../../core/mod.ts";
import { textOf } from "../../tar/mod.ts";
import { below, type SourceNode, type SourceTree } from "./tree.ts";

/** As many as the kernel follows. */
const MOST_LINKS = 40;

/** A tree that can be looked at: a source, or what a layer is put upon so far. */
export type Lookable = Pick<SourceTree, "lookup">;

/**
 * Where a path leads, links followed. What does not exist is where it would be made.
 *
 * @param path Relative or absolute, `.` and `..` allowed; it cannot leave the root.
 * @throws {CtrError} `bad-data` for links in a circle.
 */
export function resolvePath(tree: Lookable, path: string, followLast = true): string {
  const left = path.split("/").reverse();
  let at = "";
  for (let links = 0; left.length > 0;) {
    const name = left.pop()!;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
      continue;
    }
    const next = below(at, name);
    const isLast = left.every((part) => part === "" || part === ".");
    const node = isLast && !followLast ? undefined : tree.lookup(next);
    if (node?.type !== "symlink") {
      at = next;
      continue;
    }
    if (++links > MOST_LINKS) {
      throw new CtrError("bad-data", `cannot follow "${textOf(path)}": its links go in a circle`);
    }
    if (node.linkTarget.startsWith("/")) at = "";
    left.push(...node.linkTarget.split("/").reverse());
  }
  return at;
}

/** What is at a path, links followed. */
export function resolveNode(tree: Lookable, path: string): SourceNode | undefined {
  return tree.lookup(resolvePath(tree, path));
}
