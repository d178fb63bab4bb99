import { CtrError } from "../core/mod.ts";
import { Connections } from "./connections.ts";
import { networkFailure, slowFailure, type Subject } from "./failures.ts";
import { referenceHost } from "./scheme.ts";
import type { Deadlines, RegistryOptions } from "./types.ts";

export const DEADLINES: Deadlines = {
  headersMs: 30_000,
  stallMs: 30_000,
  firstPauseMs: 250,
  maxPauseMs: 30_000,
};
const MAX_REDIRECTS = 8;
const MAX_ERROR_BYTES = 16 * 1024;

export interface Request {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly authorization?: string | undefined;
  /** A function is called for each try; its pieces go as they come, without a length. */
  readonly body?: string | Uint8Array<ArrayBuffer> | (() => AsyncIterable<Uint8Array<ArrayBuffer>>);
  /** Longest wait for the answer's headers once the body is sent. Default: `headersMs`. */
  readonly answerMs?: number;
  /** The user asked for plain HTTP, so credentials may be sent in the clear. */
  readonly clearText?: boolean;
  readonly subject: Subject;
  readonly signal?: AbortSignal | undefined;
}

/** An answer whose body has not been read. One of `drain`, `text`, `bytes`, `chunks` ends it. */
export class Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly ok: boolean;
  #response: Response;
  #abort: AbortController;
  #release: () => void;

  constructor(
    response: Response,
    abort: AbortController,
    release: () => void,
    readonly subject: Subject,
    readonly stallMs: number,
  ) {
    this.status = response.status;
    this.headers = response.headers;
    this.ok = response.ok;
    this.#response = response;
    this.#abort = abort;
    this.#release = release;
  }

  /** The body, chunk by chunk, each within the stall deadline. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const reader = this.#response.body?.getReader();
    try {
      while (reader) {
        const { done, value } = await this.#read(reader);
        if (done) break;
        if (value.length > 0) yield value;
      }
    } finally {
      this.#end();
    }
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>) {
    const slow = slowFailure(this.subject, this.stallMs, "data");
    const timer = setTimeout(() => this.#abort.abort(slow), this.stallMs);
    try {
      return await reader.read();
    } catch (error) {
      const { signal } = this.#abort;
      if (signal.aborted) throw signal.reason;
      throw networkFailure(this.subject, error, { server: this.subject.host });
    } finally {
      clearTimeout(timer);
    }
  }

  #end(): void {
    this.#release();
    this.#abort.abort(); // closes the connection if the body was left in the middle
  }

  /** @throws {CtrError} `too-large` if the body has more than `limit` bytes. */
  async bytes(limit: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of this.chunks()) {
      size += part.length;
      if (size > limit) {
        throw new CtrError(
          "too-large",
          `${this.subject.action}: ${this.subject.host} sent a document of more than ${limit} bytes`,
        );
      }
      parts.push(part);
    }
    const whole = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  /** The beginning of an error's body. Never throws: the status says enough. */
  async text(): Promise<string> {
    try {
      return new TextDecoder().decode(await this.bytes(MAX_ERROR_BYTES));
    } catch {
      return "";
    }
  }

  async drain(): Promise<void> {
    await this.#response.body?.cancel().catch(() => {});
    this.#end();
  }
}

/** Sends requests: deadlines and redirects, but neither retries nor authentication. */
export class Transport {
  readonly deadlines: Deadlines;
  readonly connections: Connections;
  #options: RegistryOptions;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.deadlines = { ...DEADLINES, ...options.deadlines };
    this.connections = options.connections ?? new Connections();
  }

  /**
   * Sends one request and follows redirects, which storage behind registries is full of.
   *
   * `Authorization` is for the registry alone: another host, and another port, never sees it.
   *
   * @throws {CtrError} `unavailable`, `timeout`; whatever the signal was aborted with.
   */
  async send(request: Request): Promise<Answer> {
    let url = new URL(request.url);
    let authorization = request.authorization;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await this.#once({ ...request, url: url.href, authorization });
      const location = answer.headers.get("location");
      const redirects = [301, 302, 303, 307, 308].includes(answer.status) && location !== null;
      const reads = request.method === "GET" || request.method === "HEAD";
      if (!redirects || !reads) return answer;
      await answer.drain();
      const next = this.#target(location, url, request.subject);
      if (next.host !== url.host) authorization = undefined;
      url = next;
    }
    const { action, host } = request.subject;
    throw new CtrError("unavailable", `${action}: the registry ${host} redirects without an end`);
  }

  #target(location: string, from: URL, { action, host }: Subject): URL {
    const target = URL.parse(location, from.href);
    const allowed = target?.protocol === "https:" ||
      (target?.protocol === "http:" && from.protocol === "http:");
    if (target && allowed) return target;
    throw new CtrError(
      "bad-data",
      `${action}: the registry ${host} redirects to an unsafe address`,
    );
  }

  async #once(request: Request): Promise<Answer> {
    const { signal, subject } = request;
    signal?.throwIfAborted();
    const abort = new AbortController();
    const outer = () => abort.abort(signal?.reason);
    signal?.addEventListener("abort", outer, { once: true });
    const release = () => signal?.removeEventListener("abort", outer);
    const slow = slowFailure(subject, request.answerMs ?? this.deadlines.headersMs, "answer");
    const answerMs = request.answerMs ?? this.deadlines.headersMs;
    let timer = setTimeout(() => abort.abort(slow), answerMs);
    const beat = () => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(slow), answerMs);
    };
    try {
      const headers = new Headers(request.headers);
      // Digests are of the bytes as stored, so nothing on the way may compress them.
      headers.set("accept-encoding", "identity");
      headers.set("user-agent", this.#options.userAgent ?? "ctr");
      if (request.authorization) headers.set("authorization", request.authorization);
      const init: RequestInit = {
        method: request.method,
        headers,
        redirect: "manual",
        signal: abort.signal,
      };
      if (typeof request.body === "function") init.body = streamed(request.body(), beat);
      else if (request.body !== undefined) init.body = request.body;
      const response = await this.#fetch(request.url, init, subject.host);
      return new Answer(response, abort, release, subject, this.deadlines.stallMs);
    } catch (error) {
      release();
      if (abort.signal.aborted) throw abort.signal.reason;
      if (error instanceof CtrError) throw error; // a proxy or a certificate that cannot be used
      throw await this.#failure(request, error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #fetch(url: string, init: RequestInit, registry: string): Promise<Response> {
    if (this.#options.fetch) return await this.#options.fetch(url, init);
    return await this.connections.fetch(url, init, registry);
  }

  async #failure({ url, subject }: Request, error: unknown): Promise<CtrError> {
    const target = new URL(url);
    const route = await this.connections.route(target, subject.host).catch(() => undefined);
    return networkFailure(subject, error, {
      server: target.host,
      proxy: route?.proxy?.shown,
      authorityPlace: this.connections.authorityPlace(referenceHost(target.host)),
    });
  }
}

/** A body that is sent piece by piece. The deadline counts from the last piece that was taken. */
function streamed(
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
  beat: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const iterator = pieces[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      beat();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return?.();
    },
  }, { highWaterMark: 1 });
}
