import { CtrError, type ErrorCode, EXIT_STATUS } from "../../core/mod.ts";
import type { Guest, GuestExit, StreamSpec } from "../../vm/mod.ts";

/** What one call to the guest carries at most. */
const PIECE = 256 * 1024;
/** Input that waits for the guest while it takes the piece before. */
const AHEAD = 4 * PIECE;
/** A guest that takes nothing of its input for so long does not work any more. */
const STALL_MS = 120_000;

export interface CopyOut {
  readonly guest: Guest;
  readonly containerId: string;
  /** Begins an error: `cannot copy from "box"`. */
  readonly doing: string;
  readonly signal: AbortSignal;
}

/**
 * Lets the guest pack something and hands its archive on, at the pace of who takes it.
 *
 * @param take Each piece is valid during the call alone.
 * @throws {CtrError} `not-found` and others, as the guest tells; what `signal` was aborted with.
 */
export async function copyOut(
  { guest, containerId, doing, signal }: CopyOut,
  spec: StreamSpec,
  take: (bytes: Uint8Array) => Promise<void> | undefined,
): Promise<void> {
  const id = newId();
  await guest.openStream(containerId, id, spec);
  try {
    for await (const event of guest.output(id, 0, signal)) {
      if (event.kind === "exit") return check(event, doing);
      const wait = take(event.data);
      if (wait) await wait;
      guest.acknowledge(id, event.offset + event.data.length).catch(() => {}); // its end is told here
    }
    throw new CtrError("unavailable", `${doing}: the guest went away`);
  } finally {
    await guest.forget(id).catch(() => {});
  }
}

/**
 * Lets the guest unpack an archive, at the pace at which it does.
 *
 * @throws {CtrError} As the guest tells, also in the middle of the archive; what `source` throws.
 */
export async function copyIn(
  { guest, containerId, doing, signal }: CopyOut,
  spec: StreamSpec,
  source: AsyncIterable<Uint8Array>,
): Promise<void> {
  const id = newId();
  await guest.openStream(containerId, id, spec);
  try {
    const ended = exitOf(guest, id, doing, signal);
    const early = ended.then((exit) => {
      check(exit, doing);
      return "ended" as const;
    });
    early.catch(() => {});
    const input = new Input(guest, id, early);
    const sent = input.sendAll(source);
    await Promise.race([sent, early]);
    check(await ended, doing);
  } finally {
    await guest.forget(id).catch(() => {});
  }
}

async function exitOf(
  guest: Guest,
  id: string,
  doing: string,
  signal: AbortSignal,
): Promise<GuestExit> {
  for await (const event of guest.output(id, 0, signal)) if (event.kind === "exit") return event;
  throw new CtrError("unavailable", `${doing}: the guest went away`);
}

/** Two halves that work at the same time: one collects from the source, one hands to the guest. */
class Input {
  readonly #guest: Guest;
  readonly #id: string;
  readonly #early: Promise<unknown>;
  #parts: Uint8Array[] = [];
  #length = 0;
  #offset = 0;
  #sending: Promise<void> | undefined;

  constructor(guest: Guest, id: string, early: Promise<unknown>) {
    this.#guest = guest;
    this.#id = id;
    this.#early = early;
  }

  async sendAll(source: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const bytes of source) {
      this.#parts.push(bytes);
      this.#length += bytes.length;
      if (this.#length >= PIECE) this.#begin();
      while (this.#length >= AHEAD) await this.#sending;
    }
    await this.#sending;
    while (this.#length > 0) await this.#send();
    await this.#write(new Uint8Array(0), true);
  }

  #begin(): void {
    this.#sending ??= (async () => {
      try {
        while (this.#length >= PIECE) await this.#send();
      } finally {
        this.#sending = undefined;
      }
    })();
    this.#sending.catch(() => {}); // awaited by `sendAll`, or told by the stream's end
  }

  async #send(): Promise<void> {
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.#length = 0;
    for (let start = 0; start < whole.length; start += PIECE) {
      await this.#write(whole.subarray(start, start + PIECE), false);
    }
  }

  async #write(data: Uint8Array, close: boolean): Promise<void> {
    let lastProgressMs = performance.now();
    for (let at = 0;;) {
      const piece = { offset: this.#offset, data: data.subarray(at), close };
      const taken = await this.#guest.writeInput(this.#id, piece) - this.#offset;
      if (taken > 0) lastProgressMs = performance.now();
      this.#offset += Math.max(0, taken);
      at += Math.max(0, taken);
      if (at >= data.length) return;
      if (performance.now() - lastProgressMs > STALL_MS) {
        throw new CtrError("timeout", "the guest takes nothing of the archive");
      }
      if (taken > 0) continue;
      await Promise.race([this.#early, new Promise((resolve) => setTimeout(resolve, 5))]);
    }
  }
}

/** The guest's words are for people: one clause, the kind of error before a colon. */
function check({ status, error }: GuestExit, doing: string): void {
  if (status === 0) return;
  const [, kind = "", clause = ""] = /^([a-z-]+): (.*)$/s.exec(error) ?? ["", "", error];
  const known = kind in EXIT_STATUS;
  const fact = (known ? clause : error) || "the guest gave no reason";
  throw new CtrError(known ? kind as ErrorCode : "denied", `${doing}: ${printable(fact)}`);
}

function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.slice(0, 500).replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
}

function newId(): string {
  return `files-${crypto.randomUUID()}`;
}
