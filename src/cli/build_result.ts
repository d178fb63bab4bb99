import { dirname } from "node:path";
import type { BuildRequestInput, BuildResult } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { prettyJson } from "./json.ts";
import { isReplaceable, temporaryName } from "./save_file.ts";

interface FileFlags {
  readonly iidfile?: string;
  readonly metadataFile?: string;
}

/** `--iidfile` and `--metadata-file`. */
export class ResultFiles {
  readonly #flags: FileFlags;

  private constructor(flags: FileFlags) {
    this.#flags = flags;
  }

  /**
   * Takes away what an earlier build has left, so that nobody takes its result for this one's.
   *
   * @throws {CtrError} `denied` before anything is built.
   */
  static async prepare(flags: FileFlags): Promise<ResultFiles> {
    for (const path of [flags.iidfile, flags.metadataFile]) {
      if (path === undefined) continue;
      await writing(path, async () => {
        await Deno.stat(dirname(path));
        const there = await Deno.lstat(path).catch(() => undefined);
        if (there?.isDirectory) {
          throw new CtrError("denied", `cannot write "${path}": it is a folder`);
        }
        if (there?.isFile) await Deno.remove(path);
      });
    }
    return new ResultFiles(flags);
  }

  async write(result: BuildResult): Promise<void> {
    const { iidfile, metadataFile } = this.#flags;
    if (iidfile !== undefined && result.digest !== undefined) {
      await replace(iidfile, result.digest);
    }
    if (metadataFile !== undefined) {
      await replace(metadataFile, `${prettyJson(metadata(result))}\n`);
    }
  }
}

/** What Docker writes, and what the engine adds. */
function metadata(result: BuildResult): Record<string, unknown> {
  const names = result.images.map(({ reference }) => reference);
  return {
    ...(result.digest !== undefined && { "containerimage.digest": result.digest }),
    ...(result.configDigest !== undefined &&
      { "containerimage.config.digest": result.configDigest }),
    ...(names.length > 0 && { "image.name": names.join(",") }),
    ...result.metadata,
  };
}

async function replace(path: string, text: string): Promise<void> {
  await writing(path, async () => {
    if (!await isReplaceable(path)) return await Deno.writeTextFile(path, text);
    const temporary = temporaryName(path);
    await Deno.writeTextFile(temporary, text, { createNew: true });
    await Deno.rename(temporary, path);
  });
}

async function writing(path: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof CtrError) throw error;
    const missing = error instanceof Deno.errors.NotFound ? "there is no such folder" : undefined;
    const fact = missing ?? (error instanceof Error ? error.message : String(error));
    throw new CtrError("denied", `cannot write "${path}": ${fact}`, { cause: error });
  }
}

/** Names, a line each; of an image without one, and with --quiet, the digest; else what was written. */
export function printResult(
  app: App,
  { images, digest, written }: BuildResult,
  { quiet, request }: { readonly quiet: boolean; readonly request: BuildRequestInput },
): void {
  if (request.outputs?.some((output) => "dest" in output && output.dest === "-")) return;
  for (const line of lines(images, digest, written, quiet)) app.stdout.line(line);
}

function lines(
  images: BuildResult["images"],
  digest: string | undefined,
  written: BuildResult["written"],
  quiet: boolean,
): string[] {
  if (quiet && digest !== undefined) return [digest];
  const files = written.filter(({ type }) => type !== "registry").map(({ dest }) => dest);
  const names = [...new Set(images.map(({ familiar }) => familiar)), ...files];
  return names.length > 0 || digest === undefined ? names : [digest];
}
