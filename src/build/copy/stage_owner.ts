/** Owners by the accounts that a stage knows. */
import type { DiskTree } from "../source/disk_tree.ts";
import { resolveNode } from "../source/resolve.ts";
import { type Owner, resolveOwner } from "./owner.ts";

/** `/etc/passwd` above this is none. */
const MOST_ACCOUNTS = 8 << 20;

/** @param text As `--chown` and USER have it. @throws {CtrError} `not-found` for an unknown name. */
export function ownerIn(stage: DiskTree, text: string): Owner {
  const read = (path: string) => {
    const node = resolveNode(stage, path);
    const bytes = node && stage.readFile(node.path, MOST_ACCOUNTS);
    return bytes && new TextDecoder().decode(bytes);
  };
  return resolveOwner(text, {
    passwd: () => read("etc/passwd"),
    group: () => read("etc/group"),
  });
}
