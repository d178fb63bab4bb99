import type { Socket } from "node:net";
import { quoteLine, readJsonLines } from "../json_lines.ts";
import { ShimEvent } from "./shapes.ts";

/** An event is some hundred bytes. */
const LONGEST_LINE = 1 << 16;

/**
 * Reads the shim's events: a JSON text per line.
 *
 * An event that cannot be read may have been the answer that a VM waits for, or a descriptor that nobody
 * will close, so the first one is the end of all: nothing after it is believed.
 *
 * @param broken Called once, with a clause for the user.
 */
export function readEvents(
  socket: Socket,
  take: (event: ShimEvent) => void,
  broken: (why: string) => void,
): void {
  let why = "its events have ended";
  socket.on("error", () => {}); // "close" follows
  socket.on("end", () => socket.destroy());
  socket.once("close", () => broken(why));
  readJsonLines(socket, {
    longest: LONGEST_LINE,
    parse: (value) => ShimEvent.safeParse(value).data,
    take,
    broken: (line) => why = `it sent what is no event: ${quoteLine(line)}`,
  });
}
