/**
 * POSIX ACLs have two forms: the one that programs and archives see (version 2, eight bytes an entry) and
 * ext4's own (version 1, without an ID where the tag says it all). What is malformed is passed as it is: the
 * kernel will refuse that attribute alone.
 */
const USER = 0x02;
const GROUP = 0x08;

export function aclToDisk(value: Uint8Array): Uint8Array {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  if (value.length < 4 || (value.length - 4) % 8 !== 0 || view.getUint32(0, true) !== 2) {
    return value;
  }
  const out: number[] = [1, 0, 0, 0];
  for (let at = 4; at < value.length; at += 8) {
    const tag = view.getUint16(at, true);
    out.push(...value.subarray(at, at + (tag === USER || tag === GROUP ? 8 : 4)));
  }
  return Uint8Array.from(out);
}

export function aclFromDisk(value: Uint8Array): Uint8Array {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  if (value.length < 4 || view.getUint32(0, true) !== 1) return value;
  const out: number[] = [2, 0, 0, 0];
  for (let at = 4; at + 4 <= value.length;) {
    const tag = view.getUint16(at, true);
    const length = tag === USER || tag === GROUP ? 8 : 4;
    if (at + length > value.length) return value;
    out.push(...value.subarray(at, at + length), ...(length === 4 ? [255, 255, 255, 255] : []));
    at += length;
  }
  return Uint8Array.from(out);
}
