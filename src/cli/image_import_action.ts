import { NamedDigest } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { openArchive, postArchive } from "./local_archive.ts";
import { parseAnswer } from "./parse_answer.ts";
import { platform } from "./platform.ts";
import { followProgress } from "./progress.ts";

/** Longest wait for a server's answer, and between two pieces of it. */
const SILENCE_MS = 60_000;

interface ImportFlags {
  readonly change?: readonly string[];
  readonly message?: string;
  readonly platform?: string;
  readonly quiet?: boolean;
  readonly progress: string;
}

/** Makes an image from a file, an address or standard input, and prints its reference. */
export async function importImage(
  app: App,
  archive: string,
  reference: string | undefined,
  flags: ImportFlags,
): Promise<void> {
  if (archive === "-" && Deno.stdin.isTerminal()) {
    throw usage("cannot read an archive from the terminal", "redirect a file");
  }
  const wanted = flags.platform === undefined ? undefined : platform(app, flags, "flags");
  const query = new URLSearchParams({
    from: archive,
    ...(reference !== undefined && { reference }),
    ...(flags.message !== undefined && { message: flags.message }),
    ...(wanted !== undefined && { platform: wanted }),
  });
  for (const change of flags.change ?? []) query.append("change", change);
  const source = archive === "-"
    ? Deno.stdin.readable
    : /^https?:\/\//i.test(archive)
    ? await fetched(archive)
    : await openArchive(archive, "import");
  const engine = await app.engine();
  const response = await postArchive(engine, `/images/import?${query}`, source);
  const how = flags.quiet ? "none" : flags.progress;
  const answer = await followProgress(app, response, { how, title: `importing ${archive}` });
  app.stdout.line(parseAnswer(NamedDigest, answer).familiar);
}

/** The body of an answer. A server that falls silent is given up. */
async function fetched(address: string): Promise<AsyncIterable<Uint8Array>> {
  const abort = new AbortController();
  const patience = () => setTimeout(() => abort.abort(), SILENCE_MS);
  const fail = (fact: string, cause?: unknown) =>
    new CtrError("unavailable", `cannot import "${address}": ${fact}`, { cause });
  let timer = patience();
  let response: Response;
  try {
    response = await fetch(address, { signal: abort.signal });
  } catch (cause) {
    throw fail(abort.signal.aborted ? "the server does not answer" : "it cannot be fetched", cause);
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw fail(`the server answered with HTTP ${response.status}`);
  }
  const { body } = response;
  return (async function* () {
    timer = patience();
    try {
      for await (const piece of body) {
        clearTimeout(timer);
        yield piece;
        timer = patience();
      }
    } catch (cause) {
      throw fail("the connection broke", cause);
    } finally {
      clearTimeout(timer);
    }
  })();
}
