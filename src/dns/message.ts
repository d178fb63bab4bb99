/** What a client asks. */
export interface Question {
  /** Lower case, without the last dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Where the question ends in its message. */
  readonly end: number;
}

export type Verdict =
  /** Addresses as bytes, 4 or 16 of them; none of the type that was asked for is an answer, too. */
  | { readonly kind: "known"; readonly addresses: readonly Uint8Array[] }
  | { readonly kind: "unknown" }
  | { readonly kind: "refused" };

const HEADER_BYTES = 12;
const MOST_NAME = 255;
const TYPE_OF_LENGTH: Readonly<Record<number, number>> = { 4: 1, 16: 28 }; // A, AAAA
const TTL_S = 0; // a container that stops is gone
const CODES = { known: 0, unknown: 3, refused: 5 } as const;
/** Response, authoritative, recursion available (RFC 1035, 4.1.1). */
const FLAGS_HIGH = 0x84;
const FLAGS_LOW = 0x80;

/** @returns Undefined for what is no query of one question. */
export function readQuestion(message: Uint8Array): Question | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const query = (view.getUint16(2) & 0xf800) === 0; // QR and the opcode
  if (!query || view.getUint16(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || at - HEADER_BYTES > MOST_NAME) return undefined;
    at++;
    if (length === 0) break;
    if (at + length > message.length) return undefined;
    labels.push(String.fromCharCode(...message.subarray(at, at + length)).toLowerCase());
    at += length;
  }
  if (at + 4 > message.length) return undefined;
  return {
    name: labels.join("."),
    type: view.getUint16(at),
    class: view.getUint16(at + 2),
    end: at + 4,
  };
}

/** The answer to `message`, whose question is repeated in it. */
export function answerMessage(
  message: Uint8Array,
  question: Question,
  verdict: Verdict,
): Uint8Array<ArrayBuffer> {
  const addresses = verdict.kind === "known" ? verdict.addresses : [];
  const records = addresses.filter((each) => TYPE_OF_LENGTH[each.length] === question.type);
  const recursion = message[2]! & 1;
  const head = [
    message[0]!,
    message[1]!,
    FLAGS_HIGH | recursion,
    FLAGS_LOW | CODES[verdict.kind],
    ...[0, 1],
    ...[records.length >> 8, records.length & 0xff],
    ...[0, 0, 0, 0],
  ];
  return new Uint8Array([
    ...head,
    ...message.subarray(HEADER_BYTES, question.end),
    ...records.flatMap((each) => [
      ...[0xc0, HEADER_BYTES], // the question's name
      ...[0, question.type, 0, 1],
      ...[0, 0, 0, TTL_S],
      ...[0, each.length, ...each],
    ]),
  ]);
}
