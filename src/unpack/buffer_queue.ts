/** Fills buffers, sends full ones through a port, and takes them back. */

const BUFFER = 1 << 20;
/** Buffers that the other side may hold before this one waits. */
const AHEAD = 4;

export class BufferQueue {
  readonly #port: MessagePort;
  readonly #idle: ArrayBuffer[] = [];
  #current: Uint8Array<ArrayBuffer> | undefined;
  #length = 0;
  #away = 0;
  #wake: (() => void) | undefined;

  constructor(port: MessagePort) {
    this.#port = port;
    port.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      this.#idle.push(data);
      this.#away--;
      if (this.#away < AHEAD) {
        this.#wake?.();
        this.#wake = undefined;
      }
    };
  }

  /** Copies the bytes. @returns What to wait for before more may come; undefined if there is room. */
  put(bytes: Uint8Array): Promise<void> | undefined {
    for (let at = 0; at < bytes.length;) {
      this.#current ??= new Uint8Array(this.#idle.pop() ?? new ArrayBuffer(BUFFER));
      const take = Math.min(BUFFER - this.#length, bytes.length - at);
      this.#current.set(
        take === bytes.length ? bytes : bytes.subarray(at, at + take),
        this.#length,
      );
      this.#length += take;
      at += take;
      if (this.#length === BUFFER) this.#send();
    }
    return this.#away < AHEAD ? undefined : new Promise((resolve) => (this.#wake = resolve));
  }

  end(): void {
    if (this.#length > 0) this.#send();
    this.#port.postMessage("end");
  }

  #send(): void {
    const { buffer } = this.#current!;
    this.#port.postMessage({ buffer, length: this.#length }, [buffer]);
    this.#current = undefined;
    this.#length = 0;
    this.#away++;
  }
}
