import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { CtrError } from "../core/mod.ts";

/** Begins every session on a virtio-serial port; `guest/transport/serial.go` has the other half. */
const MAGIC = new Uint8Array([
  ...[0x43, 0x54, 0x52, 0x31, 0x00, 0xff], // CTR1
  ...[0x70, 0x72, 0x65, 0x61, 0x6d, 0x62, 0x6c, 0x65, 0x0d, 0x0a], // preamble, CR, LF
]);
const NONCE_BYTES = 16;

/**
 * Begins a session on a byte stream that knows no connections.
 *
 * An earlier session may have ended in the middle of a frame. So we send the magic and a nonce, and
 * drop what comes until the guest has repeated exactly these bytes: from there on the stream is ours.
 *
 * @throws {CtrError} `unavailable` if the stream ends.
 */
export async function beginSession(duplex: Duplex, signal: AbortSignal): Promise<void> {
  const preamble = Buffer.concat([MAGIC, crypto.getRandomValues(new Uint8Array(NONCE_BYTES))]);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let kept = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]);
    const at = kept.indexOf(preamble);
    if (at < 0) {
      kept = Buffer.from(kept.subarray(Math.max(0, kept.length - preamble.length + 1)));
      return;
    }
    duplex.pause();
    duplex.off("data", onData);
    const rest = kept.subarray(at + preamble.length);
    if (rest.length > 0) duplex.unshift(rest);
    resolve();
  };
  const onEnd = () =>
    reject(new CtrError("unavailable", "cannot connect to the guest: the connection has ended"));
  const onAbort = () => reject(signal.reason);
  duplex.on("data", onData).once("close", onEnd).once("end", onEnd).once("error", onEnd);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  duplex.write(preamble);
  try {
    await promise;
  } finally {
    duplex.off("data", onData).off("close", onEnd).off("end", onEnd).off("error", onEnd);
    signal.removeEventListener("abort", onAbort);
  }
}
