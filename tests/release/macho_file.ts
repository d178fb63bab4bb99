/** A small arm64 Mach-O program with a place for its signature, as a linker leaves it. */
export function machoFile(options: { readonly codeBytes?: number } = {}): Uint8Array<ArrayBuffer> {
  const { codeBytes = 10_000 } = options;
  const limit = Math.ceil(codeBytes / 16) * 16;
  const bytes = new Uint8Array(limit + 64);
  for (let at = 0; at < limit; at++) bytes[at] = at * 7;
  const view = new DataView(bytes.buffer);
  // Magic, arm64, all, an executable, three commands of 160 bytes, no flags.
  [0xfeedfacf, 0x0100000c, 0, 2, 3, 72 + 72 + 16, 0, 0]
    .forEach((word, at) => view.setUint32(4 * at, word, true));
  segment(view, 32, "__TEXT", 0, limit - 1024);
  segment(view, 104, "__LINKEDIT", limit - 1024, 1024 + 64);
  [0x1d, 16, limit, 64].forEach((word, at) => view.setUint32(176 + 4 * at, word, true));
  return bytes;
}

function segment(view: DataView, at: number, name: string, offset: number, size: number): void {
  view.setUint32(at, 0x19, true);
  view.setUint32(at + 4, 72, true);
  for (let n = 0; n < 16; n++) view.setUint8(at + 8 + n, name.charCodeAt(n) || 0);
  view.setBigUint64(at + 40, BigInt(offset), true);
  view.setBigUint64(at + 48, BigInt(size), true);
}
