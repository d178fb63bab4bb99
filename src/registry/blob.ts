import { CtrError, formatSize } from "../core/mod.ts";
import type { Descriptor } from "../oci/mod.ts";
import type { Subject } from "./failures.ts";
import { isTransientError, pauseMs, sleep } from "./retry.ts";
import type { Session, SessionRequest } from "./session.ts";
import type { Answer } from "./transport.ts";
import type { Deadlines } from "./types.ts";

/** Tries without a single byte of progress. Progress starts the count again. */
const MAX_IDLE_TRIES = 4;

export interface BlobRequest extends Omit<SessionRequest, "method" | "headers" | "body"> {
  readonly subject: Subject;
  readonly descriptor: Pick<Descriptor, "digest" | "size">;
  /** Bytes that the caller has already. */
  readonly offset: number;
}

/**
 * Opens a blob and goes on with it from `offset`; a connection that breaks is taken up again where
 * it broke.
 *
 * Exactly `size - offset` bytes come, or an error. Their digest is the caller's to check.
 */
export async function openBlob(
  session: Session,
  request: BlobRequest,
  deadlines: Deadlines,
): Promise<AsyncGenerator<Uint8Array>> {
  const first = request.offset < request.descriptor.size
    ? await openAt(session, request, request.offset)
    : undefined;
  return resume(session, request, deadlines, first);
}

async function* resume(
  session: Session,
  request: BlobRequest,
  deadlines: Deadlines,
  first: Opened | undefined,
): AsyncGenerator<Uint8Array> {
  const { size } = request.descriptor;
  const { action, host } = request.subject;
  let at = request.offset;
  let opened = first;
  for (let idle = 0; at < size;) {
    let failure: unknown;
    const before = at;
    try {
      opened ??= await openAt(session, request, at);
      let skip = at - opened.start;
      for await (const chunk of opened.answer.chunks()) {
        const rest = skip > 0 ? chunk.subarray(skip) : chunk;
        skip = Math.max(0, skip - chunk.length);
        if (at + rest.length > size) throw lyingSize(request);
        at += rest.length;
        if (rest.length > 0) yield rest;
      }
      failure = new CtrError(
        "unavailable",
        `${action}: the registry ${host} ended a blob after ${formatSize(at)} of ${
          formatSize(size)
        }`,
      );
    } catch (error) {
      if (request.signal?.aborted || !isTransientError(error)) throw error;
      failure = error;
    }
    opened = undefined;
    if (at >= size) return;
    idle = at > before ? 0 : idle + 1;
    if (idle >= MAX_IDLE_TRIES) throw failure;
    await sleep(pauseMs(idle + 1, deadlines), request.signal);
  }
}

interface Opened {
  readonly answer: Answer;
  /** Position of the body's first byte in the blob. */
  readonly start: number;
}

async function openAt(session: Session, request: BlobRequest, at: number): Promise<Opened> {
  const headers: Record<string, string> = at > 0 ? { range: `bytes=${at}-` } : {};
  const answer = await session.request(
    { ...request, method: "GET", headers },
    (status) => status === 416,
  );
  const { size } = request.descriptor;
  if (answer.status === 416) { // its blob is shorter than what we have of it
    await answer.drain();
    throw lyingSize(request);
  }
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.headers.get("content-range") ?? "");
  // A server that does not know ranges sends everything again.
  const start = answer.status === 206 && range ? Number(range[1]) : 0;
  const length = answer.headers.get("content-length");
  const total = range && range[2] !== "*"
    ? Number(range[2])
    : length === null
    ? undefined
    : start + Number(length);
  if (start > at || (total !== undefined && total !== size)) {
    await answer.drain();
    throw lyingSize(request);
  }
  return { answer, start };
}

function lyingSize({ subject, descriptor }: BlobRequest): CtrError {
  return new CtrError(
    "bad-data",
    `${subject.action}: the registry ${subject.host} has blob ${descriptor.digest.slice(0, 19)} ` +
      `in another size than the ${descriptor.size} bytes that its manifest says`,
  );
}
