import { isCtrError } from "../core/mod.ts";
import type { Authenticator } from "./auth.ts";
import { statusFailure } from "./failures.ts";
import { isAbsent, isTransient, isTransientError, pauseMs, sleep } from "./retry.ts";
import { retryAfterMs } from "./retry_after.ts";
import type { Answer, Request, Transport } from "./transport.ts";

/** A server that stays silent is asked twice: each try costs the whole deadline. */
const MAX_SILENT_TRIES = 2;
/** Whoever mistypes a host, or is not in its network, is told at once. */
const MAX_ABSENT_TRIES = 2;

export interface SessionRequest extends Omit<Request, "authorization"> {
  /** Registry host as users know it, for credentials. */
  readonly host: string;
  /** For example `repository:library/alpine:pull`. */
  readonly scope: string;
  /** Tries, the first included. Default: the session's. */
  readonly attempts?: number;
  /** Goes to another host than the registry's, which must not see credentials. */
  readonly anonymous?: boolean;
}

/** Sends requests until they succeed or stay refused: authentication, then bounded retries. */
export class Session {
  #transport: Transport;
  #auth: Authenticator;
  #attempts: number;

  constructor(transport: Transport, auth: Authenticator, attempts: number) {
    this.#transport = transport;
    this.#auth = auth;
    this.#attempts = Math.max(1, attempts);
  }

  /**
   * @returns An answer with a status of 2xx, or one that `accept` takes. The caller ends its body.
   * @throws {CtrError} what the last try met.
   */
  async request(
    request: SessionRequest,
    accept: (status: number) => boolean = () => false,
  ): Promise<Answer> {
    let silent = 0;
    let absent = 0;
    for (let attempt = 1;; attempt++) {
      let waitMs: number | undefined;
      let failure: unknown;
      try {
        const answer = await this.#authorized(request);
        if (answer.ok || accept(answer.status)) return answer;
        waitMs = retryAfterMs(answer.headers.get("retry-after"));
        const body = await answer.text();
        const login = this.#auth.login(request.host, request.scope);
        failure = statusFailure(request.subject, answer, body, login);
        if (!isTransient(answer.status)) throw new Final(failure);
      } catch (error) {
        if (error instanceof Final) throw error.failure;
        if (request.signal?.aborted || !isTransientError(error)) throw error;
        if (isCtrError(error, "timeout") && ++silent >= MAX_SILENT_TRIES) throw error;
        if (isAbsent(error) && ++absent >= MAX_ABSENT_TRIES) throw error;
        failure = error;
      }
      const { deadlines } = this.#transport;
      if (attempt >= (request.attempts ?? this.#attempts) || (waitMs ?? 0) > deadlines.maxPauseMs) {
        throw failure;
      }
      await sleep(waitMs ?? pauseMs(attempt, deadlines), request.signal);
    }
  }

  async #authorized(request: SessionRequest): Promise<Answer> {
    const { host, scope } = request;
    if (request.anonymous) return await this.#transport.send(request);
    let authorization = this.#auth.header(host, scope);
    const answer = await this.#transport.send({ ...request, authorization });
    if (answer.status !== 401) return answer;
    const challenge = answer.headers.get("www-authenticate");
    const refused = authorization;
    authorization = await this.#auth.answer(host, scope, challenge, refused, request);
    if (authorization === undefined) return answer;
    await answer.drain();
    return await this.#transport.send({ ...request, authorization });
  }
}

/** Carries a failure that no retry can mend past the catch that retries. */
class Final {
  constructor(readonly failure: unknown) {}
}
