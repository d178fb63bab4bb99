import type { Socket } from "node:net";
import { ProcessInput } from "./process_input.ts";
import type { RunningVm } from "./running_vm.ts";

/** Bytes for the guest that wait; the socket is not read beyond them. */
const AHEAD = 1 << 20;

/**
 * Carries bytes between a socket of the host and a stream of the guest, until both directions have ended.
 *
 * The end of one direction is passed on and leaves the other one open. Neither side is read faster than the
 * other one takes. Never rejects: whatever breaks closes both.
 */
export async function relay(vm: RunningVm, streamId: string, socket: Socket): Promise<void> {
  const stop = new AbortController();
  const broken = () => stop.abort();
  // One that has ended both ways is closed as well, while the guest may not have taken all of it yet.
  const closed = () => {
    if (!socket.readableEnded || !socket.writableFinished) stop.abort();
  };
  socket.once("error", broken).once("close", closed);
  try {
    await Promise.all([toGuest(vm, streamId, socket), toHost(vm, streamId, socket, stop.signal)]);
  } catch {
    socket.destroy();
  } finally {
    socket.off("error", broken).off("close", closed).on("error", () => {});
    if (!socket.writableFinished) socket.destroy();
    await vm.guest.forget(streamId).catch(() => {});
  }
}

async function toGuest(vm: RunningVm, streamId: string, socket: Socket): Promise<void> {
  const input = new ProcessInput(vm, streamId);
  let offset = 0;
  // Its end must leave the other direction open, which the plain iterator does not.
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    const data = chunk as Uint8Array;
    input.write(offset, data);
    offset += data.length;
    const flushed = input.flush();
    if (input.queued >= AHEAD) await flushed;
  }
  await input.flush();
  input.end();
  await input.flush();
}

async function toHost(
  vm: RunningVm,
  streamId: string,
  socket: Socket,
  signal: AbortSignal,
): Promise<void> {
  const over = () => void socket.end();
  for await (const event of vm.guest.output(streamId, 0, signal, over)) {
    if (event.kind === "exit") {
      if (event.status !== 0) throw new Error(event.error);
      break;
    }
    const { offset, data } = event;
    if (!socket.write(data)) await drained(socket);
    vm.guest.acknowledge(streamId, offset + data.length).catch(() => {});
  }
  // The other side has ended both directions: what comes from here would go nowhere.
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.end(resolve);
  socket.once("close", resolve);
  await promise;
  socket.destroy();
}

async function drained(socket: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const closed = () => reject(new Error("the socket was closed"));
  socket.once("drain", resolve).once("close", closed);
  try {
    if (socket.destroyed) closed();
    await promise;
  } finally {
    socket.off("drain", resolve).off("close", closed);
  }
}
