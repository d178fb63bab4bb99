import { basename, dirname, join, resolve } from "node:path";
import { usage } from "./errors.ts";

/** One side of a copy, as it was written. */
export type CopySide =
  | { readonly kind: "stream" }
  | { readonly kind: "host"; readonly path: string }
  | { readonly kind: "container"; readonly container: string; readonly path: string };

/**
 * Reads `container:/path`, `path` or `-`. A path that begins with `/` or `.` is the host's, whatever else
 * is in it.
 *
 * @throws {CtrError} `usage` for a relative path in a container.
 */
export function readSide(text: string): CopySide {
  if (text === "-") return { kind: "stream" };
  const colon = text.indexOf(":");
  if (
    colon <= 0 || text.startsWith("/") || text.startsWith(".") || text.slice(0, colon).includes("/")
  ) {
    if (text === "") throw usage("cannot copy: a path is empty");
    return { kind: "host", path: text };
  }
  const container = text.slice(0, colon);
  const path = text.slice(colon + 1);
  if (path.startsWith("/")) return { kind: "container", container, path };
  throw usage(
    `cannot copy "${text}": the path in the container must begin with "/"`,
    `write "./${text}" for a file of this machine`,
  );
}

/** What a path ends with says what it means: `dir/.` is the content of a folder, `name/` a folder. */
export interface SourcePath {
  /** Without what it ends with. */
  readonly path: string;
  readonly name: string;
  readonly contentOnly: boolean;
  /** A link at its end is followed, because something in it is meant. */
  readonly isFolder: boolean;
}

export function readSource(text: string): SourcePath {
  const contentOnly = /(^|\/)\.\/*$/.test(text) || /^\/+$/.test(text);
  const path = text.replace(/\/+$/, "") || "/";
  const name = basename(resolve(path));
  return { path, name, contentOnly, isFolder: contentOnly || text.endsWith("/") };
}

/** What is at the destination. */
export interface Destination {
  /** As it was written. */
  readonly path: string;
  readonly is: "folder" | "file" | "missing";
}

/** Where the source goes. */
export interface Placement {
  /** What is unpacked into. */
  readonly folder: string;
  /** The name there; undefined: the content goes into the folder itself. */
  readonly name: string | undefined;
  /** What the user is told. */
  readonly shown: string;
  readonly makeFolders: boolean;
}

/**
 * Docker's rules: into a folder that is there, else under the name that was given; folders above are made.
 *
 * @throws {CtrError} `usage` where a file would have to be a folder, or the other way round.
 */
export function place(
  source: SourcePath & { readonly folder: boolean },
  destination: Destination,
): Placement {
  const { path, is } = destination;
  const plain = path.replace(/\/+$/, "") || "/";
  const cannot = (fact: string) => usage(`cannot copy to "${path}": ${fact}`);
  if (is === "folder") {
    if (source.contentOnly) {
      return { folder: path, name: undefined, shown: path, makeFolders: false };
    }
    const inside = path.endsWith("/") ? join(plain, source.name) : path;
    return { folder: path, name: source.name, shown: inside, makeFolders: false };
  }
  if (is === "file" && source.folder) throw cannot("it is a file, and the source is a folder");
  if (path.endsWith("/") && !source.folder) {
    throw cannot(is === "file" ? "it is no folder" : "there is no such folder");
  }
  if (source.contentOnly) {
    return { folder: plain, name: undefined, shown: plain, makeFolders: true };
  }
  return { folder: dirname(plain), name: basename(plain), shown: plain, makeFolders: true };
}
