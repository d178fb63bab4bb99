import { deepStrictEqual as equal, match, rejects, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { FrameReader, wordsFrame } from "./frames.ts";
import { responseHeaders } from "./headers.ts";
import { MessageReader } from "./message_reader.ts";
import { beginSession } from "./preamble.ts";
import { errorOf } from "./status.ts";

function pieces(bytes: Uint8Array, size: number): Uint8Array[] {
  const list = [];
  for (let at = 0; at < bytes.length; at += size) list.push(bytes.subarray(at, at + size));
  return list;
}

Deno.test("FrameReader cuts frames out of any pieces", () => {
  const data = new Uint8Array([0, 0, 5, 0, 1, 0, 0, 0, 3, 10, 20, 30, 40, 50]);
  const empty = new Uint8Array([0, 0, 0, 0, 1, 0, 0, 0, 3]);
  const window = wordsFrame({ type: 8, stream: 3 }, 77);
  const bytes = Buffer.concat([window, data, empty, window]);
  for (let size = 1; size <= bytes.length; size++) {
    const seen: string[] = [];
    const reader = new FrameReader({
      frame: ({ type, stream, payload }) => seen.push(`${type}/${stream}/${payload[3]}`),
      data: (stream, piece, last, flags) => {
        for (const byte of piece) seen.push(`${stream}:${byte}`);
        if (last) seen.push(`end ${flags}`);
      },
    });
    for (const piece of pieces(bytes, size)) reader.push(piece);
    const expected = ["8/3/77", "3:10", "3:20", "3:30", "3:40", "3:50", "end 1", "end 1", "8/3/77"];
    equal(seen, expected);
  }
});

Deno.test("FrameReader refuses frames that are too large or padded", () => {
  const reader = () => new FrameReader({ frame() {}, data() {} });
  throws(() => reader().push(new Uint8Array([0xff, 0, 0, 0, 0, 0, 0, 0, 1])), /a frame of/);
  throws(() => reader().push(new Uint8Array([1, 0, 1, 4, 0, 0, 0, 0, 0])), /a frame of/);
  throws(() => reader().push(new Uint8Array([0, 0, 1, 0, 8, 0, 0, 0, 1])), /padded/);
});

Deno.test("MessageReader puts messages together and bounds them", () => {
  const bytes = new Uint8Array([0, 0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9]);
  for (let size = 1; size <= bytes.length; size++) {
    const messages: number[][] = [];
    const reader = new MessageReader(100, (message) => messages.push([...message]));
    for (const piece of pieces(bytes, size)) reader.push(piece);
    equal(messages, [[7, 8], [], [9]]);
  }
  throws(() => new MessageReader(1, () => {}).push(bytes), /more than 1/);
  throws(() => new MessageReader(9, () => {}).push(new Uint8Array([1, 0, 0, 0, 0])), /message/);
});

Deno.test("responseHeaders() reads what vminitd writes and refuses the rest", () => {
  const text = (value: string) => [value.length, ...new TextEncoder().encode(value)];
  const block = [
    0x88,
    15,
    16,
    ...text("application/grpc"),
    0,
    ...text("grpc-status"),
    ...text("5"),
  ];
  equal(responseHeaders(new Uint8Array(block)).get("grpc-status"), "5");
  for (const bad of [[0x82], [0x40, 1, 65, 1, 65], [0, 0x81, 1], [0, 5, 65], [15, 99], [0]]) {
    throws(() => responseHeaders(new Uint8Array(bad)), /header has/);
  }
});

Deno.test("errorOf() prefers the guest's own name and cleans its text", () => {
  const trailers = (fields: Record<string, string>) => new Map(Object.entries(fields));
  equal(errorOf(trailers({ "grpc-status": "0" }), "x"), undefined);
  const named = errorOf(
    trailers({
      "grpc-status": "5",
      "ctr-error": "command-not-found",
      "grpc-message": "process: execute a: a%1B[2Jb",
    }),
    "start",
  );
  equal([named?.code, named?.message], ["command-not-found", "cannot start: a?[2Jb"]);
  equal(errorOf(trailers({ "grpc-status": "5", "ctr-error": "made-up" }), "x")?.code, "not-found");
  match(errorOf(trailers({}), "x")!.message, /status NaN/);
});

Deno.test("beginSession() drops an earlier session's bytes and keeps what follows", async () => {
  const stale = Buffer.from("half a frame CTR1\0\xffpreamble\r\n0123456789abcdef", "latin1");
  const duplex = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      this.push(stale);
      this.push(chunk.subarray(0, 7));
      this.push(Buffer.concat([chunk.subarray(7), Buffer.from("rest")]));
      done();
    },
  });
  await beginSession(duplex, new AbortController().signal);
  const rest = new Promise((resolve) => duplex.once("data", (data) => resolve(String(data))));
  duplex.resume();
  equal(await rest, "rest");
});

Deno.test("beginSession() ends with its stream and with its signal", async () => {
  const silent = () => new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const gone = silent();
  setTimeout(() => gone.destroy(), 1);
  await rejects(beginSession(gone, new AbortController().signal), /has ended/);
  await rejects(beginSession(silent(), AbortSignal.abort(new Error("late"))), /late/);
});
