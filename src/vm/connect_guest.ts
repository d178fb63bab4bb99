import { type ConnectGuest, GUEST_PORT } from "./running_vm.ts";

/**
 * Connects to guests as this release does.
 *
 * The client is loaded while the first guest boots. The driver's streams are sessions already, on a
 * serial port too, so no preamble is wanted.
 */
export function connectGuestOf(hostVersion: string): ConnectGuest {
  return async (vm, deadlineMs) => {
    const loading = import("../guest/mod.ts");
    loading.catch(() => {}); // awaited below
    const until = performance.now() + deadlineMs;
    const stream = await vm.connect(GUEST_PORT, { deadlineMs });
    const { connectGuest } = await loading;
    const left = Math.max(1000, until - performance.now());
    return await connectGuest(stream, { hostVersion, transport: "vsock", deadlineMs: left });
  };
}
