/** Files that stand in the Dockerfile itself. */
import { binaryOf } from "../../tar/mod.ts";
import type { SourceNode, SourceTree } from "./tree.ts";

export class TextTree implements SourceTree {
  readonly disks: readonly string[] = [];
  readonly identity = undefined;
  readonly #files: ReadonlyMap<string, SourceNode>;

  constructor(files: readonly { readonly name: string; readonly content: string }[]) {
    this.#files = new Map(files.map(({ name, content }) => {
      const path = binaryOf(name);
      return [path, fileNode(path, new TextEncoder().encode(content))];
    }));
  }

  lookup(path: string): SourceNode | undefined {
    return path === ""
      ? { ...fileNode("", new Uint8Array(0)), type: "directory", mode: 0o755 }
      : this
        .#files.get(path);
  }

  children(path: string): readonly SourceNode[] {
    return path === "" ? [...this.#files.values()] : [];
  }

  [Symbol.dispose](): void {}
}

function fileNode(path: string, bytes: Uint8Array): SourceNode {
  return {
    path,
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: bytes.length,
    mtime: 0,
    devMajor: 0,
    devMinor: 0,
    linkTarget: "",
    xattrs: undefined,
    content: { from: "bytes", bytes },
    linkKey: undefined,
    stamp: undefined,
  };
}
