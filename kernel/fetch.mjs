// node kernel/fetch.mjs URL FILE [SECONDS] [MAX-BYTES]: an http:, https: or file: URL into a file that does not exist
// yet. Nothing is left behind unless all of it came, within the time and the size.
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

const [url, file, seconds = "600", maxBytes = String(256 * 1024 * 1024)] = process.argv.slice(2);
const deadline = AbortSignal.timeout(Number(seconds) * 1000);
const partial = `${file}.part`;

async function open() {
  const { protocol } = new URL(url);
  if (protocol === "file:") {
    const { size } = await stat(new URL(url));
    return { expected: size, body: createReadStream(new URL(url)) };
  }
  if (protocol !== "http:" && protocol !== "https:") throw new Error(`"${protocol}" is not http:, https: or file:`);
  const answer = await fetch(url, { signal: deadline });
  if (answer.status !== 200) throw new Error(`the server answered ${answer.status}`);
  // A length that is of the encoded body says nothing about the bytes that arrive here.
  const length = answer.headers.get("content-encoding") ? null : answer.headers.get("content-length");
  return { expected: length === null ? undefined : Number(length), body: Readable.fromWeb(answer.body) };
}

/** Counts, and refuses the byte after the last that may come. */
function limit(max) {
  let bytes = 0;
  const stream = new Transform({
    transform(chunk, _encoding, done) {
      bytes += chunk.length;
      done(bytes > max ? new Error(`it is larger than ${max} bytes`) : null, chunk);
    },
  });
  return { stream, bytes: () => bytes };
}

try {
  const { expected, body } = await open();
  const max = Number(maxBytes);
  if (expected !== undefined && expected > max) throw new Error(`it has ${expected} bytes, more than ${max}`);
  const counted = limit(max);
  await pipeline(body, counted.stream, createWriteStream(partial, { flags: "wx" }), { signal: deadline });
  if (expected !== undefined && counted.bytes() !== expected) throw new Error(`it ended after ${counted.bytes()} of ${expected} bytes`);
  await rename(partial, file);
} catch (error) {
  await rm(partial, { force: true });
  const fact = deadline.aborted ? `not done after ${seconds} s` : error.cause?.message ?? error.message;
  console.error(`error: cannot fetch "${url}": ${fact}`);
  process.exit(1);
}
