import { CommitReply, FileChange } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { archiveBody } from "./archive_body.ts";
import { OutputClosed, writeOutput } from "./attach_output.ts";
import { usage } from "./errors.ts";
import { prettyJson } from "./json.ts";
import { parseAnswer } from "./parse_answer.ts";
import { printable } from "./printable.ts";
import { saveFile } from "./save_file.ts";

/** Writes a container's root file system to a file, under a temporary name until it is whole. */
export async function exportContainer(
  app: App,
  container: string,
  { output }: { readonly output?: string },
): Promise<void> {
  await fetchArchive(app, `/containers/${encodeURIComponent(container)}/export`, output);
}

/** Writes the archive that a route makes to a file, or to standard output. */
export async function fetchArchive(
  app: App,
  path: string,
  output: string | undefined,
): Promise<void> {
  const toFile = output !== undefined && output !== "-";
  if (!toFile && app.stdout.isTerminal) {
    throw usage("cannot write an archive to the terminal", "give --output, or redirect it");
  }
  const engine = await app.engine();
  const response = await engine.stream({
    method: "GET",
    path,
    headers: { te: "trailers" },
  });
  try {
    const body = archiveBody(response);
    if (toFile) await saveFile(output, body);
    else for await (const bytes of body) await writeOutput(Deno.stdout, bytes);
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
    app.exitStatus = 141;
  } finally {
    response.connection.close();
  }
}

/** Prints `A /path`, `C /path` and `D /path`, sorted, parents first. */
export async function diff(
  app: App,
  container: string,
  { format }: { readonly format: string },
): Promise<void> {
  if (format !== "table" && format !== "json") {
    throw usage(`cannot use --format "${format}": want table or json`);
  }
  const engine = await app.engine();
  const response = await engine.stream({
    method: "GET",
    path: `/containers/${encodeURIComponent(container)}/changes`,
    headers: { te: "trailers" },
  });
  try {
    const found: FileChange[] = [];
    for await (const line of lines(archiveBody(response))) {
      const change = parseAnswer(FileChange, parseLine(line));
      if (format === "json") found.push(change);
      else app.stdout.line(`${change.kind} ${printable(change.path)}`);
    }
    if (format === "json") app.stdout.line(prettyJson(found));
  } finally {
    response.connection.close();
  }
}

interface CommitFlags {
  readonly author?: string;
  readonly message?: string;
  readonly change?: readonly string[];
  readonly pause: boolean;
}

/** Makes an image and prints its digest. */
export async function commit(
  app: App,
  container: string,
  reference: string | undefined,
  { author, message, change = [], pause }: CommitFlags,
): Promise<void> {
  const engine = await app.engine();
  const answer = await engine.post(`/containers/${encodeURIComponent(container)}/commit`, {
    ...(reference !== undefined && { reference }),
    ...(author !== undefined && { author }),
    ...(message !== undefined && { message }),
    changes: change,
    pause,
  }, { deadlineMs: undefined });
  app.stdout.line(parseAnswer(CommitReply, answer).digest);
}

async function* lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
  if (rest !== "") yield rest;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new CtrError("bad-data", "read the engine's answer: a line is not JSON", { cause });
  }
}
