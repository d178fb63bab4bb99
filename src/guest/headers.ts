import { CtrError } from "../core/mod.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/**
 * Encodes a gRPC request's header block: literals alone, without an index (RFC 7541 §6.2.2), which
 * needs no state on either side.
 */
export function requestHeaders(path: string): Uint8Array<ArrayBuffer> {
  const parts = [0x83, 0x86]; // :method POST, :scheme http
  literal(parts, 4, path); // :path
  literal(parts, 1, "guest"); // :authority
  literal(parts, 31, "application/grpc+proto"); // content-type
  parts.push(0, 2, ...encoder.encode("te"));
  text(parts, "trailers");
  return new Uint8Array(parts);
}

/** A literal without an index whose name is in the static table. */
function literal(parts: number[], name: number, value: string): void {
  if (name < 15) parts.push(name);
  else parts.push(15, name - 15);
  text(parts, value);
}

function text(parts: number[], value: string): void {
  const bytes = encoder.encode(value);
  if (bytes.length > 126) throw new RangeError(`header value of ${bytes.length} bytes`);
  parts.push(bytes.length, ...bytes);
}

/**
 * Decodes a response's header block as `vminitd` writes it: `:status: 200`, and literals without an
 * index and without Huffman codes. The guest is not trusted, so everything else is refused rather
 * than interpreted.
 *
 * @throws {CtrError} `bad-data`
 */
export function responseHeaders(block: Uint8Array): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 0;
  const byte = () => {
    if (at >= block.length) throw refused("it ends early");
    return block[at++]!;
  };
  const string = () => {
    const first = byte();
    if (first & 0x80) throw refused("a Huffman code");
    let length = first & 0x7f;
    if (length === 0x7f) {
      for (let shift = 0, more = 0x80; more & 0x80; shift += 7) {
        if (shift > 14) throw refused("a long value");
        more = byte();
        length += (more & 0x7f) << shift;
      }
    }
    if (at + length > block.length) throw refused("it ends early");
    at += length;
    return decoder.decode(block.subarray(at - length, at));
  };
  while (at < block.length) {
    const first = byte();
    if (first === 0x88) headers.set(":status", "200");
    else if (first === 0) headers.set(string(), string());
    else if (first === 15 && byte() === 31 - 15) headers.set("content-type", string());
    else throw refused(`the byte ${first}`);
  }
  return headers;
}

function refused(what: string): CtrError {
  return new CtrError("bad-data", `cannot read the guest's answer: its header has ${what}`);
}
