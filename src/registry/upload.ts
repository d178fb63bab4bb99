import { CtrError, isCtrError } from "../core/mod.ts";
import type { Descriptor } from "../oci/mod.ts";
import { isTransientError, pauseMs, sleep } from "./retry.ts";
import type { Session, SessionRequest } from "./session.ts";
import type { Answer } from "./transport.ts";
import type { Deadlines } from "./types.ts";

/** Uploads that bring nothing forward before a blob is given up. Progress starts the count again. */
const MAX_IDLE_TRIES = 4;
const MAX_REDIRECTS = 4;
/** Requests for one blob, beside those that its size asks for. */
const MAX_PIECES = 200;
/** Blobs this small go in one request, with the end of their upload. */
const SMALL_BYTES = 1024 * 1024;
/** A registry that refuses a large body gets pieces of this size. */
const PIECE_BYTES = 32 * 1024 * 1024;
/** Registries read a blob again when it ends; object stores copy it. */
const COMMIT_BYTES_PER_MS = 20_000;
const COMMIT_MS = 120_000;

/** The bytes of a blob, as often as they are wanted. */
export interface BlobSource {
  /** `length` bytes from `offset` on; pieces may be used again when the next one is asked for. */
  read(offset: number, length: number): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

export interface UploadRequest extends Omit<SessionRequest, "method" | "headers" | "body"> {
  readonly descriptor: Pick<Descriptor, "digest" | "size">;
  readonly source: BlobSource;
  /** Repository of the same registry that is said to have the blob. */
  readonly mountFrom?: string | undefined;
  /** Bytes that were handed to the connection. It goes back when some were lost. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Puts a blob into a repository: by a mount, else by an upload that is taken up again where a
 * connection broke. `url` is `…/blobs/uploads/`.
 *
 * The registry checks the digest when the upload ends, so a damaged source is never published.
 *
 * @returns `mounted` if the registry had the blob elsewhere.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#push
 */
export async function uploadBlob(
  session: Session,
  request: UploadRequest,
  deadlines: Deadlines,
): Promise<"mounted" | "uploaded"> {
  const upload = new Upload(session, request);
  let idle = 0;
  let most = 0; // an upload that is begun again brings nothing forward until it is past this
  for (;;) {
    try {
      return await upload.run();
    } catch (error) {
      if (request.signal?.aborted) throw error;
      if (upload.acceptsPieces(error)) continue;
      if (!isTransientError(error)) throw error;
      idle = upload.stored > most ? 0 : idle + 1;
      most = Math.max(most, upload.stored);
      if (idle >= MAX_IDLE_TRIES) throw error;
      await sleep(pauseMs(idle + 1, deadlines), request.signal);
      await upload.askAgain();
    }
  }
}

class Upload {
  /** Bytes that the registry says it has. */
  stored = 0;
  #session: Session;
  #request: UploadRequest;
  #location: URL | undefined;
  #pieceBytes = Infinity;
  #sent = 0;

  constructor(session: Session, request: UploadRequest) {
    this.#session = session;
    this.#request = request;
  }

  async run(): Promise<"mounted" | "uploaded"> {
    const { size } = this.#request.descriptor;
    if (this.#location === undefined && await this.#begin() === "mounted") return "mounted";
    if (size <= SMALL_BYTES && this.stored === 0) {
      await this.#commit(await collected(this.#request.source, size));
    } else {
      while (this.stored < size) await this.#send();
      await this.#commit(new Uint8Array(0));
    }
    return "uploaded";
  }

  /** Proxies limit the size of a body. @returns True if smaller ones are worth a try. */
  acceptsPieces(error: unknown): boolean {
    if (!isCtrError(error, "too-large") || this.#pieceBytes !== Infinity) return false;
    this.#pieceBytes = PIECE_BYTES;
    this.#restart();
    return true;
  }

  /** After a failure: what does the registry have? An upload that it does not know is begun anew. */
  async askAgain(): Promise<void> {
    if (this.#location === undefined) return;
    const sent = this.stored;
    try {
      const answer = await this.#call(this.#location, { method: "GET", headers: {} }, [404, 400]);
      await answer.drain();
      const stored = answer.ok ? storedBytes(answer) : undefined;
      // Some registries say "0-0" both for nothing and for one byte.
      if (stored === undefined || stored <= 1 || stored < sent) return this.#restart();
      this.#follow(answer);
      this.#take(stored, this.#request.descriptor.size);
    } catch (error) {
      if (this.#request.signal?.aborted) throw error;
      this.#restart();
    }
  }

  #restart(): void {
    this.#location = undefined;
    this.stored = 0;
  }

  async #begin(): Promise<"mounted" | "begun"> {
    const { url, descriptor, mountFrom } = this.#request;
    if (mountFrom !== undefined) {
      const query = new URLSearchParams({ mount: descriptor.digest, from: mountFrom });
      // Whoever may not read the other repository, or a registry without mounts, uploads.
      const answer = await this.#call(new URL(`${url}?${query}`), { method: "POST" }, [
        400,
        401,
        403,
        404,
        405,
      ], `repository:${mountFrom}:pull`);
      await answer.drain();
      if (answer.status === 201) return "mounted";
      if (answer.status === 202) {
        this.#location = this.#target(answer, new URL(url));
        return "begun";
      }
    }
    const answer = await this.#call(new URL(url), { method: "POST" });
    await answer.drain();
    this.#location = this.#target(answer, new URL(url));
    return "begun";
  }

  async #send(): Promise<void> {
    const { source, descriptor, onBytes } = this.#request;
    const from = this.stored;
    if (++this.#sent > MAX_PIECES + descriptor.size / PIECE_BYTES) {
      throw this.#tooSlow();
    }
    const end = Math.min(descriptor.size, from + this.#pieceBytes);
    const whole = from === 0 && end === descriptor.size;
    const body = async function* () {
      let at = from;
      for await (const piece of source.read(from, end - from)) {
        yield piece;
        at += piece.length;
        onBytes?.(at);
      }
    };
    const answer = await this.#call(this.#location!, {
      method: "PATCH",
      headers: {
        "content-type": "application/octet-stream",
        ...(!whole && { "content-range": `${from}-${end - 1}` }),
      },
      body,
    }, [413, 416]);
    await answer.drain();
    if (answer.status === 413) throw this.#tooLarge();
    if (answer.status === 416) throw this.#lost("does not take up the upload where it was");
    this.#follow(answer);
    // Without a word about it, what was sent counts as stored; the digest decides in the end.
    this.#take(storedBytes(answer) ?? end, end);
    if (this.stored <= from) throw this.#lost("keeps nothing of what it is sent");
  }

  async #commit(body: Uint8Array<ArrayBuffer>): Promise<void> {
    const { descriptor, onBytes } = this.#request;
    const url = new URL(this.#location!);
    url.searchParams.set("digest", descriptor.digest);
    const answer = await this.#call(url, {
      method: "PUT",
      headers: { "content-type": "application/octet-stream" },
      body,
      answerMs: COMMIT_MS + descriptor.size / COMMIT_BYTES_PER_MS,
    }, [400, 416]);
    const text = answer.ok ? "" : await answer.text();
    await answer.drain();
    if (answer.ok) return onBytes?.(descriptor.size);
    const { action, host } = this.#request.subject;
    const digest = descriptor.digest.slice(0, 19);
    if (/DIGEST_INVALID|SIZE_INVALID/.test(text)) {
      this.#restart();
      throw new CtrError(
        "bad-data",
        `${action}: the registry ${host} got blob ${digest} with another digest`,
        { hint: "the image's copy here may be damaged: pull it again" },
      );
    }
    this.#restart();
    throw this.#lost(`does not accept blob ${digest} (HTTP ${answer.status})`);
  }

  #take(stored: number, most: number): void {
    if (stored <= most) {
      this.stored = stored;
      return;
    }
    const { action, host } = this.#request.subject;
    throw new CtrError(
      "bad-data",
      `${action}: the registry ${host} says that it has ${stored} bytes of a blob ` +
        `of which it was sent ${most}`,
    );
  }

  #lost(fact: string): CtrError {
    const { action, host } = this.#request.subject;
    return new CtrError("unavailable", `${action}: the registry ${host} ${fact}`);
  }

  #tooSlow(): CtrError {
    const { action, host } = this.#request.subject;
    return new CtrError("bad-data", `${action}: the registry ${host} takes too little at a time`);
  }

  #tooLarge(): CtrError {
    const { action, host } = this.#request.subject;
    return new CtrError("too-large", `${action}: the registry ${host} refuses a body of this size`);
  }

  /** The next request of an upload goes where the answer to the last one says. */
  #follow(answer: Answer): void {
    if (answer.headers.has("location")) this.#location = this.#target(answer, this.#location!);
  }

  #target(answer: Answer, from: URL): URL {
    const { action, host } = this.#request.subject;
    const target = URL.parse(answer.headers.get("location") ?? "", from.href);
    const named = answer.headers.has("location");
    const secure = target?.protocol === "https:" ||
      (target?.protocol === "http:" && from.protocol === "http:");
    if (named && target && secure && !target.username && !target.password) return target;
    const fact = named ? "sends the upload to an unsafe address" : "does not say where to upload";
    throw new CtrError("bad-data", `${action}: the registry ${host} ${fact}`);
  }

  /** One request, without retries. Another host than the registry's never sees credentials. */
  async #call(
    url: URL,
    sent: Pick<SessionRequest, "method" | "headers" | "body" | "answerMs">,
    accepted: readonly number[] = [],
    moreScope?: string,
  ): Promise<Answer> {
    const { subject, signal, host, scope } = this.#request;
    const registry = new URL(this.#request.url);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await this.#session.request({
        subject,
        signal,
        host,
        scope: moreScope === undefined ? scope : `${scope} ${moreScope}`,
        ...sent,
        url: url.href,
        attempts: 1,
        anonymous: url.host !== registry.host,
      }, (status) => accepted.includes(status) || status === 307 || status === 308);
      if (answer.status !== 307 && answer.status !== 308) return answer;
      await answer.drain();
      url = this.#target(answer, url);
    }
    throw this.#lost("redirects without an end");
  }
}

/** `Range: 0-N` in bytes; undefined if it is not said, or not understood. */
export function storedBytes(answer: Pick<Answer, "headers">): number | undefined {
  const range = /^(?:bytes[= ])?0-(\d{1,15})$/.exec(answer.headers.get("range")?.trim() ?? "");
  return range ? Number(range[1]) + 1 : undefined;
}

async function collected(source: BlobSource, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(size);
  let at = 0;
  for await (const piece of source.read(0, size)) {
    whole.set(piece.subarray(0, size - at), at);
    at += piece.length;
  }
  return whole;
}
