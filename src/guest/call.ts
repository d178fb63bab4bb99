import { CtrError } from "../core/mod.ts";
import { MessageReader } from "./message_reader.ts";
import { errorOf } from "./status.ts";

/** What the guest may send of one answer before we have taken any of it. */
export const STREAM_WINDOW = 2 << 20;

export interface CallOptions {
  /** Completes "cannot …" in an error. */
  readonly what: string;
  /** The largest message of the answer, bytes. */
  readonly limit: number;
}

/** What a call needs of its connection. */
interface Owner {
  cancel(stream: number): void;
  grant(stream: number, bytes: number): void;
}

/** One call's answer: messages, pulled one by one. What is not pulled stays in the guest. */
export class Call {
  readonly #owner: Owner;
  readonly #stream: number;
  readonly #options: CallOptions;
  readonly #reader: MessageReader;
  readonly #messages: Uint8Array[] = [];
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;
  /** Taken by us but not yet granted again. */
  #taken = 0;

  constructor(owner: Owner, stream: number, options: CallOptions) {
    this.#owner = owner;
    this.#stream = stream;
    this.#options = options;
    this.#reader = new MessageReader(options.limit, (message) => {
      this.#messages.push(message);
      this.#notify();
    });
  }

  /** The next message; undefined behind the last one. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const message = this.#messages.shift();
      if (message) {
        this.#grant(message.length + 5);
        return message;
      }
      if (this.#error) throw this.#error;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** The only message of the answer. */
  async single(): Promise<Uint8Array> {
    const message = await this.next();
    if (!message) throw new CtrError("bad-data", `cannot ${this.#options.what}: an empty answer`);
    if (await this.next()) {
      throw new CtrError("bad-data", `cannot ${this.#options.what}: two answers`);
    }
    return message;
  }

  cancel(reason: Error): void {
    if (this.#ended) return;
    this.#owner.cancel(this.#stream);
    this.fail(reason);
  }

  /** For the connection: a piece of the answer's body. */
  receive(piece: Uint8Array): void {
    this.#reader.push(piece);
  }

  /** For the connection: nothing follows. */
  end(trailers: ReadonlyMap<string, string>): void {
    this.#error ??= errorOf(trailers, this.#options.what);
    this.#ended = true;
    this.#notify();
  }

  /** For the connection: no answer will come. */
  fail(error: Error): void {
    if (this.#ended) return;
    this.#error ??= error;
    this.#ended = true;
    this.#messages.length = 0;
    this.#notify();
  }

  #grant(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken < STREAM_WINDOW / 2 || this.#ended) return;
    this.#owner.grant(this.#stream, this.#taken);
    this.#taken = 0;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
