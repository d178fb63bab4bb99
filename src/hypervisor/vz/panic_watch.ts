const WORDS = "Kernel panic - not syncing";
/** A line of the kernel is shorter. */
const KEPT = 1024;

/**
 * Looks for the kernel's last words in a console. A guest that prints them without meaning them ends
 * nobody but itself.
 */
export class PanicWatch {
  readonly #found: (line: string) => void;
  #tail = "";
  #over = false;

  constructor(found: (line: string) => void) {
    this.#found = found;
  }

  take(chunk: Uint8Array): void {
    if (this.#over) return;
    const text = this.#tail + new TextDecoder("latin1").decode(chunk);
    const at = text.indexOf(WORDS);
    const end = at < 0 ? -1 : text.indexOf("\n", at);
    if (end < 0) {
      this.#tail = text.slice(-KEPT);
      return;
    }
    this.#over = true;
    // deno-lint-ignore no-control-regex
    this.#found(text.slice(at, end).replace(/[\x00-\x1f\x7f-\x9f]/g, "").slice(0, 200));
  }
}
