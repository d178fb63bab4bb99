/** What ADD and a context fetch from an address. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { CtrError } from "../../core/mod.ts";

export interface Fetched {
  /** Absolute; it holds nothing but the file. */
  readonly folder: string;
  readonly name: string;
  /** Seconds since 1970, if the server says when the file was last changed. */
  readonly mtime: number | undefined;
}

const MOST_BYTES = 64 * 2 ** 30;
/** Without a byte for this long, the server is gone. */
const STALL_MS = 60_000;

/**
 * Fetches a file into `folder/files`.
 *
 * @param checksum `sha256:…` of its bytes.
 * @throws {CtrError} `bad-data` for an address without a file's name, `not-found`, `unavailable`, `timeout`,
 *   `bad-data` if the checksum does not hold, `too-large`.
 */
export async function fetchUrl(
  url: string,
  checksum: string | undefined,
  folder: string,
  signal: AbortSignal,
): Promise<Fetched> {
  const expected = checksum === undefined ? undefined : parseChecksum(checksum);
  const files = join(folder, "files");
  await Deno.mkdir(files, { recursive: true, mode: 0o700 });
  const stall = new Stall(url);
  const answer = await request(url, AbortSignal.any([signal, stall.signal]));
  const name = nameOf(url, answer);
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await Deno.open(join(files, name), { write: true, createNew: true, mode: 0o600 });
  try {
    for await (const piece of answer.body ?? []) {
      stall.moved();
      if ((bytes += piece.length) > MOST_BYTES) throw failure(url, "too-large", "it is too large");
      hash.update(piece);
      for (let at = 0; at < piece.length;) at += await file.write(piece.subarray(at));
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : mapped(url, error);
  } finally {
    stall.end();
    file.close();
  }
  const digest = `sha256:${hash.digest("hex")}`;
  if (expected !== undefined && digest !== expected) {
    throw failure(url, "bad-data", `its digest is ${digest}, not ${expected}`);
  }
  const changed = Date.parse(answer.headers.get("last-modified") ?? "");
  return { folder: files, name, mtime: Number.isNaN(changed) ? undefined : changed / 1000 };
}

export function parseChecksum(text: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text;
  throw new CtrError("bad-data", `cannot use the checksum "${text}": want sha256:<64 hex digits>`);
}

async function request(url: string, signal: AbortSignal): Promise<Response> {
  try {
    const answer = await fetch(url, { signal, redirect: "follow" });
    if (answer.ok) return answer;
    await answer.body?.cancel();
    const code = answer.status === 404 || answer.status === 410
      ? "not-found"
      : answer.status === 401 || answer.status === 403
      ? "denied"
      : "unavailable";
    throw failure(url, code, `the server answers ${answer.status}`);
  } catch (error) {
    throw mapped(url, error);
  }
}

function mapped(url: string, error: unknown): unknown {
  if (error instanceof CtrError) return error;
  if (!(error instanceof TypeError)) return error;
  return new CtrError("unavailable", `cannot fetch "${shown(url)}": ${error.message}`, {
    cause: error,
  });
}

/** What stands behind the last slash of the address that was asked for. */
function nameOf(url: string, answer: Response): string {
  const told = /filename="?([^";]+)"?/.exec(answer.headers.get("content-disposition") ?? "")?.[1];
  for (
    const candidate of [new URL(url).pathname, new URL(answer.url || url).pathname, told ?? ""]
  ) {
    const name = decoded(candidate.slice(candidate.lastIndexOf("/") + 1));
    if (name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name) && name.length < 256) {
      return name;
    }
  }
  return "download";
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function failure(
  url: string,
  code: "not-found" | "denied" | "unavailable" | "bad-data" | "too-large",
  fact: string,
): CtrError {
  return new CtrError(code, `cannot fetch "${shown(url)}": ${fact}`);
}

/** Without a password. */
export function shown(url: string): string {
  return url.replace(/^(\w+:\/\/)[^/@]*@/, "$1");
}

class Stall {
  readonly #abort = new AbortController();
  readonly #url: string;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string) {
    this.#url = url;
    this.moved();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  moved(): void {
    clearTimeout(this.#timer);
    const fact = `nothing came for ${STALL_MS / 1000}s`;
    this.#timer = setTimeout(
      () =>
        this.#abort.abort(new CtrError("timeout", `cannot fetch "${shown(this.#url)}": ${fact}`)),
      STALL_MS,
    );
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
