import { z } from "zod";
import { CtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { OutputClosed, writeOutput } from "./attach_output.ts";
import { usage } from "./errors.ts";
import { parseAnswer } from "./parse_answer.ts";
import { platform, type PlatformFlags } from "./platform.ts";
import { followProgress } from "./progress.ts";

const Loaded = z.object({ images: z.array(z.object({ familiar: z.string() })) });

/** Reads an archive into the image store and prints the references that it held. */
export async function loadImages(
  app: App,
  flags: { readonly input?: string; readonly progress: string },
): Promise<void> {
  const { input } = flags;
  const file = input === undefined || input === "-" ? Deno.stdin : await openArchive(input);
  if (file === Deno.stdin && Deno.stdin.isTerminal()) {
    throw usage("cannot read an archive from the terminal", "give --input, or redirect a file");
  }
  const source = input ?? "standard input";
  const engine = await app.engine();
  const response = await engine.stream({
    method: "POST",
    path: `/images/load?source=${encodeURIComponent(source)}`,
    headers: { "content-type": "application/x-tar" },
    body: file.readable,
  });
  const loaded = await followProgress(app, response, {
    how: flags.progress,
    title: `loading ${source}`,
  });
  for (const { familiar } of parseAnswer(Loaded, loaded).images) app.stdout.line(familiar);
}

async function openArchive(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path);
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    const fact = missing ? "there is no such file" : error instanceof Error ? error.message : error;
    throw new CtrError(missing ? "not-found" : "denied", `cannot load "${path}": ${fact}`);
  }
}

interface SaveFlags extends PlatformFlags {
  readonly output?: string;
  readonly format: string;
}

/** Writes images to an archive. The references go to standard output when the archive does not. */
export async function saveImages(
  app: App,
  references: readonly string[],
  flags: SaveFlags,
): Promise<void> {
  if (flags.format !== "oci" && flags.format !== "docker") {
    throw usage(`cannot use --format "${flags.format}": want oci or docker`);
  }
  const toFile = flags.output !== undefined && flags.output !== "-";
  if (!toFile && app.stdout.isTerminal) {
    throw usage("cannot write an archive to the terminal", "give --output, or redirect it");
  }
  const wanted = platform(app, flags, "flags");
  const query = new URLSearchParams({ format: flags.format });
  for (const reference of references) query.append("ref", reference);
  if (wanted !== undefined) query.set("platform", wanted);
  const engine = await app.engine();
  const response = await engine.stream({ method: "GET", path: `/images/save?${query}` });
  try {
    if (toFile) await saveFile(flags.output!, response.body);
    else for await (const bytes of response.body) await writeOutput(Deno.stdout, bytes);
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
    app.exitStatus = 141;
    return;
  } finally {
    response.connection.close();
  }
  for (const reference of references) (toFile ? app.stdout : app.stderr).line(reference);
}

/** Under a temporary name until it is whole: half an archive looks like an archive. */
async function saveFile(path: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    const file = await Deno.open(temporary, { write: true, createNew: true });
    try {
      for await (const bytes of body) await writeOutput(file, bytes);
    } finally {
      file.close();
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    if (error instanceof CtrError || error instanceof OutputClosed) throw error;
    const fact = error instanceof Error ? error.message : String(error);
    throw new CtrError("denied", `cannot write "${path}": ${fact}`, { cause: error });
  }
}
