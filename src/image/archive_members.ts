import { join } from "node:path";
import { CtrError } from "../core/mod.ts";
import { type TarEntry, TarReader, textOf } from "../tar/mod.ts";
import { fileBytes } from "./archive_bytes.ts";

/** More members than any set of images has; each costs a little memory. */
const MAX_MEMBERS = 100_000;

/** A file of an archive or folder. `content` is read, or skipped, before the next member comes. */
export interface Member {
  /** Relative, without `.` and `..`. */
  readonly path: string;
  readonly content: AsyncIterable<Uint8Array>;
  /** For links, where they lead inside of the archive; they have no content. */
  readonly linkTo?: string;
}

export interface MemberOptions {
  /** Gets what is unsafe and may throw; if it returns, the member is skipped. */
  readonly onUnsafe: (path: string, why: string) => void;
}

type Event = { readonly entry: TarEntry } | { readonly data: Uint8Array };

/** The files and links of a tar archive. Nothing is written anywhere. */
export async function* tarMembers(
  bytes: AsyncIterable<Uint8Array>,
  { onUnsafe }: MemberOptions,
): AsyncGenerator<Member> {
  const events = tarEvents(bytes);
  let event = await events.next();
  for (let count = 0; !event.done; count++) {
    if (count >= MAX_MEMBERS) {
      throw new CtrError("too-large", `cannot read the archive: more than ${MAX_MEMBERS} members`);
    }
    if (!("entry" in event.value)) throw new Error("content without an entry");
    const { entry } = event.value;
    let following: IteratorResult<Event> | undefined;
    const content = async function* () {
      while (following === undefined) {
        const next = await events.next();
        if (next.done || "entry" in next.value) following = next;
        else yield next.value.data;
      }
    };
    const path = insidePath(textOf(entry.path));
    const found = memberOf(entry, path);
    if (typeof found === "string") onUnsafe(textOf(entry.path), found);
    else if (found && path !== undefined) yield { path, content: content(), ...found };
    // deno-lint-ignore no-empty
    for await (const _skipped of content()) {}
    event = following ?? await events.next();
  }
}

/** What is to be yielded, or why it is unsafe, or undefined for folders. */
function memberOf(
  entry: TarEntry,
  path: string | undefined,
): string | { readonly linkTo?: string } | undefined {
  if (path === undefined) return "it leaves the archive";
  if (entry.type === "directory") return undefined;
  if (entry.type === "file") return {};
  if (entry.type !== "symlink" && entry.type !== "hardlink") return "it is a device or a pipe";
  const target = textOf(entry.linkTarget);
  const from = entry.type === "symlink" ? path.split("/").slice(0, -1) : [];
  const linkTo = target.startsWith("/") ? undefined : insidePath([...from, target].join("/"), true);
  return linkTo === undefined ? "it is a link that leaves the archive" : { linkTo };
}

/** @returns Undefined if `path` is absolute or climbs: at all, or with `climbs` above the root. */
function insidePath(path: string, climbs = false): string | undefined {
  if (path.startsWith("/")) return undefined;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (!climbs || parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}

async function* tarEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Event> {
  let queue: Event[] = [];
  const reader = new TarReader({
    entry: (entry) => queue.push({ entry: { ...entry } }),
    data: (data) => queue.push({ data: data.slice() }),
    hole: () => {
      throw new CtrError("unsupported", "cannot read the archive: it has sparse members");
    },
  });
  for await (const piece of bytes) {
    reader.push(piece);
    const ready = queue;
    queue = [];
    yield* ready;
  }
  reader.finish();
}

/** The files of an OCI layout in a folder, links refused. */
export async function* folderMembers(
  folder: string,
  { onUnsafe }: MemberOptions,
): AsyncGenerator<Member> {
  const blobs = join("blobs", "sha256");
  const names = ["oci-layout", "index.json", "manifest.json"];
  for (const name of await namesIn(join(folder, blobs))) names.push(join(blobs, name));
  for (const path of names) {
    const info = await Deno.lstat(join(folder, path)).catch(() => undefined);
    if (info?.isFile) yield { path, content: fileBytes(join(folder, path)) };
    else if (info && !info.isDirectory) onUnsafe(path, "it is not a plain file");
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
