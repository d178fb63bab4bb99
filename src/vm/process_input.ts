import type { RunningVm } from "./running_vm.ts";

/** What one call to the guest carries at most. */
const PIECE = 512 * 1024;

/**
 * Hands input to a process, in order, at the pace at which the guest takes it.
 *
 * Offsets count from the process's beginning, so that a client that comes back may repeat what it is
 * not sure of.
 */
export class ProcessInput {
  readonly #vm: RunningVm;
  readonly #id: string;
  #taken: number;
  #queue: { offset: number; data: Uint8Array }[] = [];
  #queued = 0;
  #closing = false;
  #closed = false;
  #draining = false;
  #written: Promise<void> = Promise.resolve();

  constructor(vm: RunningVm, processId: string, taken = 0) {
    this.#vm = vm;
    this.#id = processId;
    this.#taken = taken;
  }

  /** The offset of the next byte that is wanted. */
  get taken(): number {
    return this.#taken;
  }

  /** Bytes that wait for the guest. */
  get queued(): number {
    return this.#queued;
  }

  write(offset: number, data: Uint8Array): void {
    if (this.#closing || data.length === 0) return;
    this.#queue.push({ offset, data });
    this.#queued += data.length;
  }

  /** End of input behind what was written. */
  end(): void {
    this.#closing = true;
  }

  /** Resolves when the guest has taken what was written until now. Never rejects. */
  flush(): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      this.#written = this.#drain();
    }
    return this.#written;
  }

  async #drain(): Promise<void> {
    try {
      while (this.#queue.length > 0) await this.#send();
      if (this.#closing && !this.#closed) {
        this.#closed = true;
        const data = new Uint8Array(0);
        await this.#vm.guest.writeInput(this.#id, { offset: this.#taken, data, close: true });
      }
    } catch {
      // the process has ended or closed its input: like a broken pipe, what follows is dropped
      this.#taken += this.#queued;
      this.#queue = [];
      this.#queued = 0;
    } finally {
      // In the same turn as the last look at the queue: what comes behind it begins anew. A promise
      // that is reset a turn later would be handed to who wrote in between, and nobody would send it.
      this.#draining = false;
    }
  }

  async #send(): Promise<void> {
    const data = this.#nextPiece();
    for (let at = 0, stalls = 0; at < data.length;) {
      const piece = { offset: this.#taken, data: data.subarray(at), close: false };
      const taken = await this.#vm.guest.writeInput(this.#id, piece) - this.#taken;
      if (taken <= 0) await new Promise((resolve) => setTimeout(resolve, Math.min(50, ++stalls)));
      else stalls = 0;
      this.#taken += Math.max(0, taken);
      at += Math.max(0, taken);
    }
  }

  /** What follows `taken`, in one piece if it came in several; repetitions are cut off. */
  #nextPiece(): Uint8Array {
    const parts: Uint8Array[] = [];
    let size = 0;
    while (this.#queue.length > 0 && size < PIECE) {
      const { offset, data } = this.#queue.shift()!;
      this.#queued -= data.length;
      const fresh = data.subarray(Math.max(0, this.#taken + size - offset));
      if (fresh.length > 0) parts.push(fresh);
      size += fresh.length;
    }
    return parts.length === 1 ? parts[0]! : concatenate(parts, size);
  }
}

function concatenate(parts: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
