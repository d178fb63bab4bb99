import { CtrError, isCtrError } from "../core/mod.ts";
import type { EngineClient } from "./engine_client.ts";
import type { HttpResponse } from "./http.ts";

/** An archive on this machine that is open here. */
export interface LocalArchive {
  readonly path: string;
  readonly file: Deno.FsFile;
}

/** @param verb Completes `cannot … "path"`. @throws {CtrError} `not-found`, `denied`. */
export async function openArchive(path: string, verb: string): Promise<LocalArchive> {
  try {
    return { path: await Deno.realPath(path), file: await Deno.open(path) };
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    const fact = missing ? "there is no such file" : error instanceof Error ? error.message : error;
    throw new CtrError(missing ? "not-found" : "denied", `cannot ${verb} "${path}": ${fact}`);
  }
}

/**
 * Has the engine read an archive: the file itself where the engine sees it, else its bytes.
 *
 * @param path With its query. The body is `archive`, or what an open file holds.
 */
export async function postArchive(
  engine: EngineClient,
  path: string,
  archive: LocalArchive | AsyncIterable<Uint8Array>,
): Promise<HttpResponse> {
  const request = { method: "POST", headers: { "content-type": "application/x-tar" } };
  if (!("file" in archive)) return await engine.stream({ ...request, path, body: archive });
  const named = await fileQuery(archive);
  if (named) {
    try {
      archive.file.close();
      return await engine.stream({ ...request, path: `${path}&${named}` });
    } catch (error) {
      if (!isCtrError(error, "unsupported")) throw error;
    }
    const file = await Deno.open(archive.path);
    return await engine.stream({ ...request, path, body: file.readable });
  }
  return await engine.stream({ ...request, path, body: archive.file.readable });
}

/** How the engine is told which file it is; undefined for pipes and devices. */
export async function localQuery(path: string): Promise<string | undefined> {
  return await fileQuery({ path: await Deno.realPath(path) });
}

async function fileQuery({ path }: Pick<LocalArchive, "path">): Promise<string | undefined> {
  const { isFile, dev, ino } = await Deno.stat(path);
  if (!isFile || ino === null) return undefined;
  return String(new URLSearchParams({ path, device: String(dev), inode: String(ino) }));
}
