/** What signing needs to know of a thin 64-bit Mach-O file. Offsets and sizes are bytes in the file. */
export interface MachO {
  /** A program, not a library. */
  readonly executable: boolean;
  readonly text: { readonly offset: number; readonly size: number };
  readonly linkEdit: Segment;
  /** The command that says where the signature is. */
  readonly signature: { readonly command: number; readonly offset: number; readonly size: number };
}

export interface Segment {
  /** Of its load command. */
  readonly command: number;
  readonly offset: number;
  readonly size: number;
}

const MAGIC_64 = 0xfeedfacf;
const MH_EXECUTE = 2;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const HEADER_BYTES = 32;
/** Real programs have some dozen commands. */
const MOST_COMMANDS = 1000;

/**
 * Reads the load commands.
 *
 * @throws {Error} For what is no thin 64-bit Mach-O, is cut short, or was linked without a signature (on arm64
 * every linker writes one).
 * @see the headers mach-o/loader.h for the layout of the commands
 */
export function readMachO(bytes: Uint8Array): MachO {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES || view.getUint32(0, true) !== MAGIC_64) {
    throw new Error("not a thin 64-bit Mach-O file");
  }
  const count = view.getUint32(16, true);
  const end = HEADER_BYTES + view.getUint32(20, true);
  if (count > MOST_COMMANDS || end > bytes.length) {
    throw new Error("its load commands are cut short");
  }
  const segments = new Map<string, Segment>();
  let signature: MachO["signature"] | undefined;
  for (let at = HEADER_BYTES, n = 0; n < count; n++) {
    if (at + 8 > end) throw new Error("its load commands are cut short");
    const [command, size] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if (size < 8 || at + size > end) throw new Error("a load command is cut short");
    if (command === LC_SEGMENT_64) segments.set(...readSegment(view, at));
    if (command === LC_CODE_SIGNATURE) {
      signature = {
        command: at,
        offset: view.getUint32(at + 8, true),
        size: view.getUint32(at + 12, true),
      };
    }
    at += size;
  }
  const [text, linkEdit] = [segments.get("__TEXT"), segments.get("__LINKEDIT")];
  if (!text || !linkEdit) throw new Error("it has no __TEXT or no __LINKEDIT");
  if (!signature) throw new Error("it was linked without room for a signature");
  if (signature.offset + signature.size > bytes.length || signature.offset < linkEdit.offset) {
    throw new Error("its signature lies outside of it");
  }
  return { executable: view.getUint32(12, true) === MH_EXECUTE, text, linkEdit, signature };
}

function readSegment(view: DataView, at: number): [string, Segment] {
  const name = new TextDecoder("latin1")
    .decode(new Uint8Array(view.buffer, view.byteOffset + at + 8, 16)).replace(/\0.*$/s, "");
  const [offset, size] = [view.getBigUint64(at + 40, true), view.getBigUint64(at + 48, true)];
  return [name, { command: at, offset: Number(offset), size: Number(size) }];
}

/** Segments are mapped by pages of this size on arm64. */
const SEGMENT_PAGE = 16_384;

/** Says in the load commands of `bytes` that the signature has `size` bytes and ends the file. */
export function resizeSignature(bytes: Uint8Array, macho: MachO, size: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(macho.signature.command + 12, size, true);
  const fileSize = macho.signature.offset + size - macho.linkEdit.offset;
  const memorySize = Math.ceil(fileSize / SEGMENT_PAGE) * SEGMENT_PAGE;
  view.setBigUint64(macho.linkEdit.command + 32, BigInt(memorySize), true);
  view.setBigUint64(macho.linkEdit.command + 48, BigInt(fileSize), true);
}
