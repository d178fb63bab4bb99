/** What this runtime cannot decompress is left to programs of the host. */
import { CtrError } from "../../core/mod.ts";

const PROGRAMS: readonly { readonly magic: readonly number[]; readonly program: string }[] = [
  { magic: [0x42, 0x5a, 0x68], program: "bzip2" },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], program: "xz" },
];
const MOST_MAGIC = 6;

/** The program that a file with these first bytes needs; undefined if none. */
export function programFor(head: Uint8Array): string | undefined {
  return PROGRAMS.find(({ magic }) => magic.every((byte, at) => head[at] === byte))?.program;
}

/**
 * Bytes as they come, decompressed if a program is needed for that.
 *
 * @throws {CtrError} `unsupported` if there is no such program, `bad-data` if it fails.
 */
export async function* withoutProgram(
  bytes: AsyncIterable<Uint8Array>,
  doing: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const pieces = bytes[Symbol.asyncIterator]();
  let head = new Uint8Array(0);
  let ended = false;
  while (head.length < MOST_MAGIC && !ended) {
    const next = await pieces.next();
    ended = next.done === true;
    if (!next.done) head = joined(head, next.value);
  }
  const rest = following(head, pieces);
  const program = programFor(head);
  if (program === undefined) return yield* rest;
  yield* decompressed(program, rest, doing, signal);
}

async function* following(
  head: Uint8Array,
  pieces: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value;
}

/** What a program makes of bytes. */
export async function* decompressed(
  program: string,
  bytes: AsyncIterable<Uint8Array>,
  doing: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const child = spawn(program, doing, signal);
  let failure: unknown;
  const fed = feed(child.stdin, bytes).catch((error) => failure = error);
  try {
    yield* child.stdout;
  } finally {
    await fed;
  }
  const { success } = await child.status;
  signal.throwIfAborted();
  if (success) return;
  if (failure instanceof CtrError) throw failure;
  throw new CtrError("bad-data", `${doing}: ${program} cannot decompress it`);
}

async function feed(
  stdin: WritableStream<Uint8Array>,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  const writer = stdin.getWriter();
  try {
    for await (const piece of bytes) await writer.write(piece.slice());
  } finally {
    await writer.close().catch(() => {}); // it has ended by itself
  }
}

function spawn(program: string, doing: string, signal: AbortSignal): Deno.ChildProcess {
  try {
    return new Deno.Command(program, {
      args: ["-dc"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      signal,
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CtrError(
      "unsupported",
      `${doing}: there is no program "${program}" to decompress it`,
      {
        hint: `install ${program}, or compress it with gzip`,
      },
    );
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
