import { Buffer } from "node:buffer";
import type { Socket } from "node:net";

/**
 * A virtio-serial port is one stream of bytes without connections: a host that was killed may have
 * left half a frame in it, in either direction. So every session begins with a preamble, 16 bytes
 * that are always the same and 16 of chance. The guest drops what comes before a preamble and sends it
 * back; the host drops what comes before its own.
 */
const MAGIC = Uint8Array.of(
  ...new TextEncoder().encode("CTR1\0"),
  0xff, // never in UTF-8, never the begin of an HTTP/2 frame of ours
  ...new TextEncoder().encode("preamble\r\n"),
);
const NONCE_BYTES = 16;

/**
 * Begins a session: what is read from `socket` afterwards is the guest's answer to this host alone.
 *
 * Resolves when the guest listens, which may be long after the port exists.
 *
 * @throws {Error} If the socket closes first; whatever `signal` aborts with. The socket is the
 * caller's to destroy then.
 */
export async function beginSession(socket: Socket, signal: AbortSignal): Promise<void> {
  const preamble = new Uint8Array(MAGIC.length + NONCE_BYTES);
  preamble.set(MAGIC);
  crypto.getRandomValues(preamble.subarray(MAGIC.length));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let seen: Buffer = Buffer.alloc(0);
  // "readable" and not "data": the stream is handed on neither flowing nor paused, as if new.
  const onReadable = () => {
    const chunk = socket.read() as Uint8Array | null;
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const at = seen.indexOf(preamble);
    if (at < 0) {
      seen = seen.subarray(Math.max(0, seen.length - preamble.length + 1)); // it may be cut in two
      return;
    }
    socket.off("readable", onReadable);
    const rest = seen.subarray(at + preamble.length);
    if (rest.length > 0) socket.unshift(rest);
    resolve();
  };
  const onClose = () => reject(new Error("the port was closed"));
  const onAbort = () => reject(signal.reason);
  socket.on("readable", onReadable).once("close", onClose);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    socket.write(preamble);
    await promise;
  } finally {
    socket.off("readable", onReadable).off("close", onClose);
    signal.removeEventListener("abort", onAbort);
  }
}
