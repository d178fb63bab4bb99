import { usage } from "./errors.ts";

/** `ctrl-p,ctrl-q` → bytes. A key is `ctrl-` and a letter or one of `@[\]^_`, or one character. */
export function parseDetachKeys(text: string): Uint8Array {
  return Uint8Array.from(text.split(","), (key) => {
    const control = /^ctrl-([a-zA-Z@[\\\]^_])$/.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
    throw usage(`cannot use --detach-keys "${text}": want keys like ctrl-p,ctrl-q or a`);
  });
}

/**
 * Watches typed bytes for the detach keys, which may arrive one by one.
 *
 * A beginning of the sequence is held back until it is clear that it is not the whole one.
 */
export class DetachKeys {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** What goes to the process, and whether the user asked to leave. */
  push(typed: Uint8Array): { bytes: Uint8Array; detach: boolean } {
    const bytes: number[] = [];
    for (const byte of typed) {
      while (this.#matched > 0 && byte !== this.#keys[this.#matched]) {
        // The first held byte was an ordinary one; the rest may begin the sequence anew.
        const held = this.#keys.subarray(0, this.#matched);
        this.#matched = restart(held);
        bytes.push(...held.subarray(0, held.length - this.#matched));
      }
      if (byte === this.#keys[this.#matched]) this.#matched++;
      else bytes.push(byte);
      if (this.#matched === this.#keys.length) {
        this.#matched = 0;
        return { bytes: Uint8Array.from(bytes), detach: true };
      }
    }
    return { bytes: Uint8Array.from(bytes), detach: false };
  }
}

/** The longest proper end of `held` that is also its beginning. */
function restart(held: Uint8Array): number {
  for (let length = held.length - 1; length > 0; length--) {
    const end = held.subarray(held.length - length);
    if (end.every((byte, index) => byte === held[index])) return length;
  }
  return 0;
}
