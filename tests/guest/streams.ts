import { MAX_INPUT_BYTES } from "../../src/guest/client.ts";
import type { GuestClient, GuestExit, StreamSpec } from "../../src/guest/mod.ts";

/** A stream in a test's hands: what comes out as it comes, and what goes in. */

let ids = 0;
export function streamId(): string {
  return `stream${++ids}`;
}

export interface Outcome {
  readonly bytes: Uint8Array;
  readonly exit: GuestExit;
}

/** Takes a stream's output to its end, and drops the stream. */
export async function drain(
  guest: GuestClient,
  id: string,
  take: (piece: Uint8Array) => void | Promise<void> = () => {},
  ended?: () => void,
): Promise<GuestExit> {
  for await (const event of guest.output(id, 0, undefined, ended)) {
    if (event.kind === "exit") {
      await guest.forget(id);
      return event;
    }
    await take(event.data);
    guest.acknowledge(id, event.offset + event.data.length).catch(() => {});
  }
  throw new Error("the stream has no exit");
}

export async function copyOut(
  guest: GuestClient,
  path: string,
  more: Partial<Extract<StreamSpec, { kind: "copy-out" }>> = {},
): Promise<Outcome> {
  const id = streamId();
  await guest.openStream("c1", id, { kind: "copy-out", path, ...more });
  const pieces: Uint8Array[] = [];
  const exit = await drain(guest, id, (piece) => void pieces.push(piece.slice()));
  return { bytes: joined(pieces), exit };
}

export async function copyIn(
  guest: GuestClient,
  path: string,
  archive: Uint8Array,
  more: Partial<Extract<StreamSpec, { kind: "copy-in" }>> = {},
): Promise<GuestExit> {
  const id = streamId();
  await guest.openStream("c1", id, { kind: "copy-in", path, ...more });
  const [exit] = await Promise.all([drain(guest, id), send(guest, id, archive)]);
  return exit;
}

export async function send(guest: GuestClient, id: string, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length;) {
    const piece = data.subarray(at, at + MAX_INPUT_BYTES);
    try {
      at = await guest.writeInput(id, { offset: at, data: piece, close: false });
    } catch {
      return; // the stream has ended and was dropped
    }
  }
  await guest.writeInput(id, { offset: data.length, data: new Uint8Array(0), close: true })
    .catch(() => {});
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** Runs GNU tar (or another program of the host) with an input, and returns its output. */
export async function host(args: string[], input?: Uint8Array): Promise<Uint8Array> {
  const [program, ...rest] = args;
  const child = new Deno.Command(program!, {
    args: rest,
    stdin: input ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const feeding = (async () => {
    if (!input) return;
    const writer = child.stdin.getWriter();
    await writer.write(input).catch(() => {});
    await writer.close().catch(() => {});
  })();
  const { success, stdout, stderr } = await child.output();
  await feeding;
  if (!success) throw new Error(`${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

export async function hostText(args: string[], input?: Uint8Array): Promise<string> {
  return new TextDecoder().decode(await host(args, input));
}
