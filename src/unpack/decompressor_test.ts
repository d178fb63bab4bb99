import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { isCtrError } from "../core/mod.ts";
import { type Sink, zlibStream } from "./decompressor.ts";
import { directGunzip } from "./direct_zlib.ts";
import { ZstdFrames } from "./zstd_frames.ts";

Deno.test("both ways through gzip give the same bytes and refuse the same streams", async () => {
  const content = new Uint8Array(3_000_000).map((_, i) => (i * i) >> 9);
  const whole = gzipSync(content);
  const two = join(whole, gzipSync(content.subarray(0, 5000)));
  const sources: [Uint8Array, number | undefined][] = [
    [whole, content.length],
    [two, content.length + 5000],
    [join(two, new Uint8Array(512)), content.length + 5000],
    [whole.subarray(0, -1), undefined],
    [whole.subarray(0, -9), undefined],
    [whole.subarray(0, 5), undefined],
    [join(whole, two.subarray(0, 1000)), undefined],
    [join(whole, new TextEncoder().encode("garbage")), undefined],
    [whole.map((byte, i) => i === 5000 ? byte ^ 1 : byte), undefined],
  ];
  for (const [bytes, length] of sources) {
    for (const way of [directGunzip, (sink: Sink) => zlibStream("gzip", sink)]) {
      for (const size of [1 << 16, 1 << 30]) {
        const hash = createHash("sha256");
        let got = 0;
        const made = way((part) => {
          got += part.length;
          hash.update(part);
          return got % 2 ? Promise.resolve() : undefined;
        })!;
        const work = async () => {
          for (let at = 0; at < bytes.length; at += size) {
            await made.push(bytes.subarray(at, at + size));
          }
          await made.end();
        };
        if (length === undefined) {
          await assert.rejects(work(), (error) => isCtrError(error, "bad-data"));
        } else {
          await work();
          assert.equal(got, length);
        }
      }
    }
  }
});

Deno.test("ZstdFrames finds the ends of frames in pieces of any size", () => {
  const frame = zstdCompressSync(new Uint8Array(300_000).map((_, i) => i * 7 >> 3));
  const skippable = Uint8Array.of(0x5f, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9);
  const bytes = join(frame, skippable, frame, skippable);
  for (const size of [1, 3, 100, bytes.length]) {
    const frames = new ZstdFrames();
    let ends = 0;
    let length = 0;
    for (let at = 0; at < bytes.length; at += size) {
      for (const piece of frames.cut(bytes.subarray(at, at + size))) {
        length += piece.bytes.length;
        ends += Number(piece.ends);
      }
    }
    assert.deepEqual([ends, length >= 2 * frame.length, frames.whole], [2, true, true]);
  }
});

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
