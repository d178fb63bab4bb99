import { z } from "zod";
import { CtrError, isCtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { OutputClosed, writeOutput } from "./attach_output.ts";
import type { EngineClient } from "./engine_client.ts";
import { usage } from "./errors.ts";
import { localQuery, openArchive, postArchive } from "./local_archive.ts";
import { parseAnswer } from "./parse_answer.ts";
import { platform, type PlatformFlags } from "./platform.ts";
import { followProgress } from "./progress.ts";
import { isReplaceable, saveFile, temporaryName } from "./save_file.ts";

const Loaded = z.object({
  images: z.array(z.object({ familiar: z.string() })),
  skipped: z.array(z.string()).default([]),
});

interface LoadFlags {
  readonly input?: string;
  readonly force?: boolean;
  readonly quiet?: boolean;
  readonly progress: string;
}

/** Reads an archive into the image store and prints the references that it held. */
export async function loadImages(app: App, flags: LoadFlags): Promise<void> {
  const { input } = flags;
  const fromPipe = input === undefined || input === "-";
  if (fromPipe && Deno.stdin.isTerminal()) {
    throw usage("cannot read an archive from the terminal", "give --input, or redirect a file");
  }
  const archive = fromPipe ? Deno.stdin.readable : await openArchive(input, "load");
  const source = input ?? "standard input";
  const engine = await app.engine();
  const query = new URLSearchParams({ source, ...(flags.force && { force: "1" }) });
  const response = await postArchive(engine, `/images/load?${query}`, archive);
  const answer = await followProgress(app, response, {
    how: flags.quiet ? "none" : flags.progress,
    title: `loading ${source}`,
  });
  const { images, skipped } = parseAnswer(Loaded, answer);
  for (const path of skipped) app.stderr.line(`warning: skipped "${path}", which is unsafe`);
  for (const { familiar } of images) app.stdout.line(familiar);
}

interface SaveFlags extends PlatformFlags {
  readonly output?: string;
  readonly format: string;
  readonly compress: string;
}

/** Writes images to an archive. The references go to standard output when the archive does not. */
export async function saveImages(
  app: App,
  references: readonly string[],
  flags: SaveFlags,
): Promise<void> {
  // The references would end up behind the archive.
  const toFile = flags.output !== undefined && !["-", "/dev/stdout"].includes(flags.output);
  if (!toFile && app.stdout.isTerminal) {
    throw usage("cannot write an archive to the terminal", "give --output, or redirect it");
  }
  const wanted = platform(app, flags, "flags");
  const request = {
    references,
    format: flags.format,
    compression: flags.compress,
    ...(wanted !== undefined && { platform: wanted }),
  };
  const engine = await app.engine();
  try {
    if (!toFile) await saveToPipe(engine, request);
    else if (!await saveInPlace(engine, request, flags.output!)) {
      const response = await engine.postStream("/images/save", request);
      try {
        await saveFile(flags.output!, response.body);
      } finally {
        response.connection.close();
      }
    }
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
    app.exitStatus = 141;
    return;
  }
  for (const reference of references) (toFile ? app.stdout : app.stderr).line(reference);
}

async function saveToPipe(engine: EngineClient, request: unknown): Promise<void> {
  const response = await engine.postStream("/images/save", request);
  try {
    for await (const bytes of response.body) await writeOutput(Deno.stdout, bytes);
  } finally {
    response.connection.close();
  }
}

/**
 * Has the engine write the file itself, under a temporary name until it is whole: half an archive
 * looks like an archive.
 *
 * @returns False if the engine does not see the file.
 */
async function saveInPlace(
  engine: EngineClient,
  request: unknown,
  path: string,
): Promise<boolean> {
  if (!await isReplaceable(path)) return false;
  const temporary = temporaryName(path);
  try {
    (await Deno.open(temporary, { write: true, createNew: true })).close();
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    const fact = missing ? "there is no such folder" : "it may not be written to";
    const code = missing ? "not-found" : "denied";
    throw new CtrError(code, `cannot write "${path}": ${fact}`, { cause: error });
  }
  try {
    await engine.post(`/images/save?${await localQuery(temporary)}`, request, {});
    await Deno.rename(temporary, path);
    return true;
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    if (isCtrError(error, "unsupported")) return false;
    throw error;
  }
}
