import type { App } from "./app.ts";
import { Interrupted } from "./attach_signals.ts";
import { usage } from "./errors.ts";
import { rawTerminal } from "./terminal.ts";

const MAX_LINE = 64 * 1024;
const CTRL_C = 0x03, CTRL_D = 0x04, BACKSPACE = 0x08, LINE_FEED = 0x0a, RETURN = 0x0d;
const CTRL_U = 0x15, DELETE = 0x7f;

/** Asks for a line on the terminal. The question goes to standard error. */
export async function askLine(app: App, question: string): Promise<string> {
  app.stderr.write(question);
  const bytes: number[] = [];
  for await (const byte of terminalBytes()) {
    if (byte === LINE_FEED) break;
    bytes.push(byte);
  }
  return decoded(bytes).replace(/\r$/, "");
}

/**
 * Asks for a line that is not shown while it is typed.
 *
 * The terminal is raw meanwhile, so what its driver would do is done here: erase, interrupt.
 */
export async function askSecret(app: App, question: string): Promise<string> {
  const restore = rawTerminal(app); // before the question: an answer may come at once
  app.stderr.write(question);
  const bytes: number[] = [];
  try {
    for await (const byte of terminalBytes()) {
      if (byte === CTRL_C) throw new Interrupted(130);
      if (byte === RETURN || byte === LINE_FEED) break;
      if (byte === CTRL_D && bytes.length === 0) break;
      if (byte === CTRL_U) bytes.length = 0;
      else if (byte === BACKSPACE || byte === DELETE) eraseLast(bytes);
      else bytes.push(byte);
    }
  } finally {
    restore();
    app.stderr.write("\n");
  }
  return decoded(bytes);
}

/** All of standard input, without the newline at its end. */
export async function readSecret(what: string): Promise<string> {
  const bytes: number[] = [];
  for await (const chunk of Deno.stdin.readable) {
    for (const byte of chunk) bytes.push(byte);
    if (bytes.length > MAX_LINE) throw usage(`cannot use ${what}: it has more than 64 KiB`);
  }
  return decoded(bytes).replace(/\r?\n$/, "");
}

/** One byte at a time: what was typed ahead belongs to the next question. */
async function* terminalBytes(): AsyncGenerator<number> {
  const one = new Uint8Array(1);
  for (let count = 0; count < MAX_LINE && await Deno.stdin.read(one) === 1; count++) yield one[0]!;
}

/** A character of UTF-8 has bytes that begin with 10 behind its first. */
function eraseLast(bytes: number[]): void {
  while (bytes.length > 0 && (bytes.pop()! & 0xc0) === 0x80);
}

function decoded(bytes: readonly number[]): string {
  return new TextDecoder().decode(new Uint8Array(bytes));
}
