/**
 * Half MD4, the hash that orders names in an indexed directory, over unsigned bytes (superblock flag 2).
 *
 * @see https://docs.kernel.org/filesystems/ext4/dynamic.html "Hash Tree Directories"
 */

const IN = new Int32Array(8);
const EOF_HASH = 0xfffffffe;

/** The hash of the name `bytes[start, start + length)`. Its lowest bit is 0. */
export function directoryHash(
  seed: Int32Array,
  bytes: Uint8Array,
  start: number,
  length: number,
): number {
  const state: [number, number, number, number] = [seed[0]!, seed[1]!, seed[2]!, seed[3]!];
  if (!(state[0] | state[1] | state[2] | state[3])) {
    [state[0], state[1], state[2], state[3]] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  }
  for (let at = 0; at < length; at += 32) {
    fill(bytes, start + at, length - at);
    transform(state);
  }
  const hash = (state[1] & ~1) >>> 0;
  return hash === EOF_HASH ? EOF_HASH - 2 : hash; // the last value means "end of directory"
}

/** Packs up to 32 bytes big-endian, padded with what is left of the length. */
function fill(bytes: Uint8Array, start: number, left: number): void {
  let pad = left & 0xff | (left & 0xff) << 8;
  pad |= pad << 16;
  const length = Math.min(left, 32);
  let value = pad;
  let word = 0;
  for (let i = 0; i < length; i++) {
    value = bytes[start + i]! + (value << 8) | 0;
    if (i % 4 === 3) {
      IN[word++] = value;
      value = pad;
    }
  }
  if (word < 8) IN[word++] = value;
  while (word < 8) IN[word++] = pad;
}

function transform(state: [number, number, number, number]): void {
  let [a, b, c, d] = state;
  const x = IN;
  const rotate = (v: number, s: number) => v << s | v >>> (32 - s);
  const f = (p: number, q: number, r: number) => r ^ (p & (q ^ r));
  const g = (p: number, q: number, r: number) => (p & q) + ((p ^ q) & r) | 0;
  const h = (p: number, q: number, r: number) => p ^ q ^ r;
  for (let i = 0; i < 8; i += 4) {
    a = rotate(a + f(b, c, d) + x[i]! | 0, 3);
    d = rotate(d + f(a, b, c) + x[i + 1]! | 0, 7);
    c = rotate(c + f(d, a, b) + x[i + 2]! | 0, 11);
    b = rotate(b + f(c, d, a) + x[i + 3]! | 0, 19);
  }
  for (let i = 1; i >= 0; i--) {
    a = rotate(a + g(b, c, d) + x[i]! + 0x5a827999 | 0, 3);
    d = rotate(d + g(a, b, c) + x[i + 2]! + 0x5a827999 | 0, 5);
    c = rotate(c + g(d, a, b) + x[i + 4]! + 0x5a827999 | 0, 9);
    b = rotate(b + g(c, d, a) + x[i + 6]! + 0x5a827999 | 0, 13);
  }
  for (let i = 3; i >= 1; i -= 2) {
    a = rotate(a + h(b, c, d) + x[i]! + 0x6ed9eba1 | 0, 3);
    d = rotate(d + h(a, b, c) + x[i + 4]! + 0x6ed9eba1 | 0, 9);
    c = rotate(c + h(d, a, b) + x[i - 1]! + 0x6ed9eba1 | 0, 11);
    b = rotate(b + h(c, d, a) + x[i + 3]! + 0x6ed9eba1 | 0, 15);
  }
  state[0] = state[0] + a | 0;
  state[1] = state[1] + b | 0;
  state[2] = state[2] + c | 0;
  state[3] = state[3] + d | 0;
}
