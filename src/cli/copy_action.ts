import { dirname, join, resolve } from "node:path";
import { PathStat } from "../api/mod.ts";
import { CtrError, isCtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { archiveBody } from "./archive_body.ts";
import { OutputClosed, writeOutput } from "./attach_output.ts";
import { type CopySide, type Destination, place, readSide, readSource } from "./copy_paths.ts";
import type { EngineClient } from "./engine_client.ts";
import { usage } from "./errors.ts";
import { parseAnswer } from "./parse_answer.ts";
import { byteProgress } from "./progress_bytes.ts";
import { hostError } from "./tree/host_error.ts";
import { packTree } from "./tree/pack_tree.ts";
import { unpackTree } from "./tree/unpack_tree.ts";

interface CopyFlags {
  readonly archive?: boolean;
  readonly followLink?: boolean;
  readonly quiet?: boolean;
}

type InContainer = Extract<CopySide, { kind: "container" }>;
type OutsideContainer = Exclude<CopySide, { kind: "container" }>;

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

/**
 * Copies between this machine and a container, by the rules of `docker cp`, and prints where the copy is.
 *
 * Files of this machine are read and written by this process, so that its rights are what counts.
 */
export async function copy(
  app: App,
  from: string,
  to: string,
  flags: CopyFlags,
): Promise<void> {
  const source = readSide(from);
  const destination = readSide(to);
  if (source.kind === "container" && destination.kind === "container") {
    throw usage(
      "cannot copy between two containers",
      "copy to this machine first, or pipe: ctr cp A:/path - | ctr cp - B:/path",
    );
  }
  if (destination.kind === "container") {
    return await copyIn(app, source as OutsideContainer, destination, flags);
  }
  if (source.kind === "container") return await copyOut(app, source, destination, flags);
  throw usage(
    "cannot copy: neither the source nor the destination is in a container",
    "write it as container:/path",
  );
}

async function copyIn(
  app: App,
  source: OutsideContainer,
  destination: InContainer,
  flags: CopyFlags,
): Promise<void> {
  const { container } = destination;
  const notes = new Notes(app);
  if (source.kind === "stream") {
    if (Deno.stdin.isTerminal()) {
      throw usage("cannot read an archive from the terminal", "redirect a file, or pipe one");
    }
    const engine = await app.engine();
    const { is, path } = await lookInside(engine, destination, destination.path);
    if (is !== "folder") {
      throw usage(`cannot copy to "${container}:${destination.path}": it must be a folder`);
    }
    return await send(engine, container, { folder: path, makeFolders: false }, flags, readInput());
  }
  const read = readSource(source.path);
  const info = hostInfo(read.path, read.isFolder || flags.followLink === true);
  if (!info.isDirectory && read.isFolder) {
    throw usage(`cannot copy "${source.path}": it is no folder`);
  }
  if (!info.isDirectory && !info.isFile && !info.isSymlink) {
    throw usage(`cannot copy "${source.path}": it is neither file nor folder nor link`);
  }
  const engine = await app.engine();
  const there = await lookInside(engine, destination, destination.path);
  const placed = place({ ...read, folder: info.isDirectory }, there);
  const archive = packTree({
    source: read.path,
    name: placed.name,
    followLink: read.isFolder || flags.followLink === true,
    note: (text) => notes.tell(text),
  });
  {
    using progress = byteProgress(app, flags.quiet ? "none" : "auto", `copying ${source.path}`);
    await send(engine, container, placed, flags, progress.count(archive));
  }
  if (!flags.quiet) app.stdout.line(`${container}:${placed.shown}`);
}

/** Where a link at the end of the destination leads is where the copy goes. */
async function lookInside(
  engine: EngineClient,
  { container }: InContainer,
  path: string,
): Promise<Destination> {
  const stat = await statInside(engine, container, path);
  if (!stat) return { path, is: "missing" };
  const isLink = (stat.mode & S_IFMT) === S_IFLNK;
  if (isLink && stat.resolvedPath === "") return { path: linkTarget(path, stat), is: "missing" };
  const kind = (isLink ? stat.resolvedMode : stat.mode) & S_IFMT;
  if (kind === S_IFDIR) return { path, is: "folder" };
  if (kind !== S_IFREG) {
    throw usage(`cannot copy to "${container}:${path}": it is neither a folder nor a file`);
  }
  return { path: isLink ? stat.resolvedPath : path, is: "file" };
}

function linkTarget(path: string, stat: PathStat): string {
  return resolve(dirname(path), stat.linkTarget);
}

async function statInside(
  engine: EngineClient,
  container: string,
  path: string,
): Promise<PathStat | undefined> {
  const ref = encodeURIComponent(container);
  const query = new URLSearchParams({ path });
  try {
    return parseAnswer(PathStat, await engine.get(`/containers/${ref}/stat?${query}`));
  } catch (error) {
    if (!isCtrError(error, "not-found")) throw error;
    // The container may be what is missing: that is told by asking for it.
    await engine.get(`/containers/${ref}`);
    return undefined;
  }
}

async function send(
  engine: EngineClient,
  container: string,
  { folder, makeFolders }: { readonly folder: string; readonly makeFolders: boolean },
  flags: CopyFlags,
  archive: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const query = new URLSearchParams({ path: folder, noOverwriteDirNonDir: "1" });
  if (makeFolders) query.set("makeFolders", "1");
  if (flags.archive) query.set("archiveOwners", "1");
  let failure: unknown;
  const response = await engine.stream({
    method: "PUT",
    path: `/containers/${encodeURIComponent(container)}/archive?${query}`,
    headers: { "content-type": "application/x-tar" },
    body: noticing(archive, (error) => failure = error),
  }).catch((error) => {
    throw failure ?? error;
  });
  response.connection.close();
}

/** What goes wrong with the source says more than what its lack makes of the rest. */
async function* noticing(
  archive: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  notice: (error: unknown) => void,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* archive;
  } catch (error) {
    notice(error);
    throw error;
  }
}

async function* readInput(): AsyncGenerator<Uint8Array, void> {
  const buffer = new Uint8Array(1 << 20);
  for (let count; (count = await Deno.stdin.read(buffer)) !== null;) {
    yield buffer.subarray(0, count);
  }
}

async function copyOut(
  app: App,
  source: InContainer,
  destination: OutsideContainer,
  flags: CopyFlags,
): Promise<void> {
  const { container } = source;
  const read = readSource(source.path);
  if (destination.kind === "stream") return await streamOut(app, source, flags);
  const there = hostDestination(destination.path);
  const engine = await app.engine();
  const stat = await statInside(engine, container, read.path);
  if (!stat) throw missing(container, source.path);
  const isLink = (stat.mode & S_IFMT) === S_IFLNK;
  const followed = isLink && (flags.followLink === true || read.isFolder);
  if (followed && stat.resolvedPath === "") throw missing(container, source.path);
  const kind = (followed ? stat.resolvedMode : stat.mode) & S_IFMT;
  if (kind !== S_IFDIR && read.isFolder) {
    throw usage(`cannot copy "${container}:${source.path}": it is no folder`);
  }
  if (kind !== S_IFDIR && kind !== S_IFREG && kind !== S_IFLNK) {
    throw usage(
      `cannot copy "${container}:${source.path}": it is neither file nor folder nor link`,
    );
  }
  const placed = place({ ...read, folder: kind === S_IFDIR }, there);
  const folder = hostFolder(placed.folder, placed.name === undefined);
  const query = new URLSearchParams({ path: followed ? stat.resolvedPath : read.path });
  if (placed.name === undefined) query.set("contentOnly", "1");
  else query.set("name", placed.name);
  const response = await engine.stream({
    method: "GET",
    path: `/containers/${encodeURIComponent(container)}/archive?${query}`,
    headers: { te: "trailers" },
  });
  const notes = new Notes(app);
  try {
    const title = `copying ${container}:${source.path}`;
    using progress = byteProgress(app, flags.quiet ? "none" : "auto", title);
    await unpackTree(progress.count(archiveBody(response)), {
      folder,
      name: placed.name,
      keepOwners: flags.archive === true && Deno.uid() === 0,
      note: (text) => notes.tell(text),
    });
  } finally {
    response.connection.close();
  }
  if (!flags.quiet) {
    app.stdout.line(
      there.is === "folder" && placed.name ? join(placed.folder, placed.name) : placed.shown,
    );
  }
}

async function streamOut(app: App, source: InContainer, flags: CopyFlags): Promise<void> {
  if (app.stdout.isTerminal) {
    throw usage("cannot write an archive to the terminal", "redirect it, or pipe it");
  }
  const read = readSource(source.path);
  const query = new URLSearchParams({ path: read.path });
  if (flags.followLink || read.isFolder) query.set("followLink", "1");
  if (read.contentOnly) query.set("contentOnly", "1");
  const engine = await app.engine();
  const response = await engine.stream({
    method: "GET",
    path: `/containers/${encodeURIComponent(source.container)}/archive?${query}`,
    headers: { te: "trailers" },
  });
  try {
    for await (const bytes of archiveBody(response)) await writeOutput(Deno.stdout, bytes);
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
    app.exitStatus = 141;
  } finally {
    response.connection.close();
  }
}

function missing(container: string, path: string): CtrError {
  return new CtrError("not-found", `cannot copy "${container}:${path}": there is no such path`);
}

function hostInfo(path: string, follow: boolean): Deno.FileInfo {
  try {
    return follow ? Deno.statSync(path) : Deno.lstatSync(path);
  } catch (error) {
    throw hostError(error, `cannot copy "${path}"`);
  }
}

/** @throws {CtrError} `usage` for a device or a pipe. */
function hostDestination(path: string): Destination {
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      throw hostError(error, `cannot copy to "${path}"`);
    }
    return { path, is: "missing" };
  }
  if (info.isDirectory) return { path, is: "folder" };
  if (!info.isFile) throw usage(`cannot copy to "${path}": it is neither a folder nor a file`);
  return { path: Deno.lstatSync(path).isSymlink ? Deno.realPathSync(path) : path, is: "file" };
}

/** The folder that is unpacked into. Of a folder's content it is made, its parents never. */
function hostFolder(path: string, make: boolean): string {
  try {
    if (make) {
      try {
        Deno.mkdirSync(path);
      } catch (error) {
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      }
    }
    if (Deno.statSync(path).isDirectory) return path;
  } catch (error) {
    throw hostError(error, `cannot copy to "${path}"`);
  }
  throw usage(`cannot copy to "${path}": it is no folder`);
}

/** What was left out is told, and the command does not count as done. */
class Notes {
  readonly #app: App;

  constructor(app: App) {
    this.#app = app;
  }

  tell(text: string): void {
    this.#app.stderr.line(`note: ${text}`);
    this.#app.exitStatus = 1;
  }
}
