/** Whoever read our output has gone. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

interface Sink {
  write(bytes: Uint8Array): Promise<number>;
}

/** Writes all of it, as slowly as the reader takes it. */
export async function writeOutput(sink: Sink, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    try {
      at += await sink.write(at === 0 ? bytes : bytes.subarray(at));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed();
      // Another process made the descriptor non-blocking (a terminal or pipe that we share).
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}
