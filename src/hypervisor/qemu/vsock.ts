import { Duplex } from "node:stream";
import { CtrError } from "../../core/mod.ts";

/** Whether QEMU can give a guest a vsock device: the module is loaded and we may use it. */
export async function hasVhostVsock(path = "/dev/vhost-vsock"): Promise<boolean> {
  try {
    (await Deno.open(path, { read: true, write: true })).close();
    return true;
  } catch {
    return false;
  }
}

/**
 * A guest CID that is free with all likelihood: 0 to 2 and the all-ones are reserved, the rest is the
 * host's to give, and no list of it exists. If another VM has it, QEMU says so and ends.
 */
export function randomCid(): number {
  const [word] = crypto.getRandomValues(new Uint32Array(1));
  return 3 + word! % (2 ** 31 - 3);
}

/** True for QEMU's message that the CID belongs to another guest of this host. */
export function isCidTaken(message: string): boolean {
  return /guest.cid.*(in use|EADDRINUSE)/i.test(message);
}

/**
 * Connects to a guest's vsock port: tries again until somebody listens there.
 *
 * @throws {CtrError} `timeout`.
 */
export async function connectVsock(
  cid: number,
  port: number,
  options: { deadlineMs: number; what: string; signal?: AbortSignal },
): Promise<Duplex> {
  const until = performance.now() + options.deadlineMs;
  for (let pauseMs = 5;; pauseMs = Math.min(50, pauseMs * 1.5)) {
    options.signal?.throwIfAborted();
    try {
      const { readable, writable } = await Deno.connect({ transport: "vsock", cid, port });
      return Duplex.fromWeb({ readable, writable } as Parameters<typeof Duplex.fromWeb>[0]);
    } catch (error) {
      if (performance.now() + pauseMs > until) {
        const message = `timed out after ${options.deadlineMs / 1000}s: ${options.what}`;
        throw new CtrError("timeout", message, { cause: error });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
