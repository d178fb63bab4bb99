import { CtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";

/**
 * Sends an archive to a route and returns its answer.
 *
 * @param archive Its path, or `-` for standard input.
 * @param doing Begins the errors: `cannot import "data.tar"`.
 */
export async function sendArchive(
  app: App,
  path: string,
  archive: string,
  doing: string,
): Promise<unknown> {
  const file = archive === "-" ? Deno.stdin : await open(archive, doing);
  if (file === Deno.stdin && Deno.stdin.isTerminal()) {
    throw usage("cannot read an archive from the terminal", "give its path, or redirect a file");
  }
  const engine = await app.engine();
  return await engine.postArchive(path, file.readable);
}

async function open(archive: string, doing: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(archive);
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    const fact = missing ? "there is no such file" : error instanceof Error ? error.message : error;
    throw new CtrError(missing ? "not-found" : "denied", `${doing}: ${fact}`, {
      cause: error,
    });
  }
}
