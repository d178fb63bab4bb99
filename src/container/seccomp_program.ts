import type { Argument, Rule } from "./seccomp_profile.ts";

/** System calls from one number to the next segment's. */
export interface Segment {
  readonly from: number;
  /** Looked at in order; the first that fits answers. Each has arguments. */
  readonly rules: readonly Rule[];
  readonly otherwise: number;
}

/** One of the interfaces that programs of an architecture can call. */
export interface Interface {
  /** AUDIT_ARCH_… */
  readonly audit: number;
  readonly segments: readonly Segment[];
}

interface Instruction {
  readonly code: number;
  readonly yes?: number;
  readonly no?: number;
  readonly constant: number;
}

// Operations of classic BPF (linux/bpf_common.h).
const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND = 0x54;
const JUMP = 0x05;
const EQUAL = 0x15;
const GREATER = 0x25;
const NOT_LESS = 0x35;
const ANSWER = 0x06;

// struct seccomp_data; both architectures are little-endian.
const NUMBER = 0;
const ARCHITECTURE = 4;
const ARGUMENTS = 16;

/** @returns Whole `struct sock_filter` records. */
export function assemble(interfaces: readonly Interface[], otherwise: number): Uint8Array {
  const program: Instruction[] = [];
  for (const { audit, segments } of interfaces) {
    const body = [{ code: LOAD, constant: NUMBER }, ...search(segments)];
    program.push(
      { code: LOAD, constant: ARCHITECTURE },
      { code: EQUAL, yes: 1, no: 0, constant: audit },
      { code: JUMP, constant: body.length }, // a conditional one reaches 255 instructions
      ...body,
    );
  }
  program.push({ code: ANSWER, constant: otherwise });
  return encode(program);
}

/** A binary search for the segment of the number that is loaded. Every path answers. */
function search(segments: readonly Segment[]): Instruction[] {
  if (segments.length === 1) return answers(segments[0]!);
  const middle = segments.length >> 1;
  const below = search(segments.slice(0, middle));
  const { from } = segments[middle]!;
  const hop = below.length <= 255
    ? [{ code: NOT_LESS, yes: below.length, no: 0, constant: from }]
    : [
      { code: NOT_LESS, yes: 0, no: 1, constant: from },
      { code: JUMP, constant: below.length },
    ];
  return [...hop, ...below, ...search(segments.slice(middle))];
}

function answers({ rules, otherwise }: Segment): Instruction[] {
  return [
    ...rules.flatMap(({ args, answer }) => {
      const whenAll: Instruction[] = [{ code: ANSWER, constant: answer }];
      return args.reduceRight((rest, argument) => condition(argument, rest), whenAll);
    }),
    { code: ANSWER, constant: otherwise },
  ];
}

const PASS = -1;
const FAIL = -2;

/** `then` runs if the argument fits; otherwise the program goes on behind it. */
function condition({ index, op, value, valueTwo }: Argument, then: Instruction[]): Instruction[] {
  const [low, high] = halves(op === "SCMP_CMP_MASKED_EQ" ? valueTwo : value);
  const [lowMask, highMask] = halves(value);
  const loadLow = { code: LOAD, constant: ARGUMENTS + 8 * index };
  const loadHigh = { code: LOAD, constant: ARGUMENTS + 8 * index + 4 };
  const test = (code: number, constant: number, yes: number, no: number) => ({
    code,
    constant,
    yes,
    no,
  });
  const ordered = (lowCode: number, pass: number, fail: number) => [
    loadHigh,
    test(GREATER, high, pass, 0),
    test(EQUAL, high, 0, fail),
    loadLow,
    test(lowCode, low, pass, fail),
  ];
  const equal = (pass: number, fail: number, mask?: readonly [number, number]) => [
    loadHigh,
    ...(mask ? [{ code: AND, constant: mask[1] }] : []),
    test(EQUAL, high, 0, fail),
    loadLow,
    ...(mask ? [{ code: AND, constant: mask[0] }] : []),
    test(EQUAL, low, pass, fail),
  ];
  const steps = {
    SCMP_CMP_EQ: () => equal(PASS, FAIL),
    SCMP_CMP_NE: () => equal(FAIL, PASS),
    SCMP_CMP_MASKED_EQ: () => equal(PASS, FAIL, [lowMask, highMask]),
    SCMP_CMP_GT: () => ordered(GREATER, PASS, FAIL),
    SCMP_CMP_GE: () => ordered(NOT_LESS, PASS, FAIL),
    SCMP_CMP_LE: () => ordered(GREATER, FAIL, PASS),
    SCMP_CMP_LT: () => ordered(NOT_LESS, FAIL, PASS),
  }[op]();
  const placed = (at: number, to: number | undefined) =>
    to === PASS ? steps.length - at - 1 : to === FAIL ? steps.length - at - 1 + then.length : to;
  return [
    ...steps.map((step: Instruction, at) => {
      const yes = placed(at, step.yes);
      const no = placed(at, step.no);
      return {
        code: step.code,
        constant: step.constant,
        ...(yes !== undefined && { yes }),
        ...(no !== undefined && { no }),
      };
    }),
    ...then,
  ];
}

/** Low and high 32 bits. JSON's numbers end at 2⁵³ exactly; larger ones mean all bits. */
function halves(value: number): [number, number] {
  const bits = BigInt.asUintN(64, value >= 2 ** 64 ? 2n ** 64n - 1n : BigInt(Math.trunc(value)));
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}

function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(8 * program.length);
  const view = new DataView(bytes.buffer);
  for (const [at, { code, yes = 0, no = 0, constant }] of program.entries()) {
    view.setUint16(8 * at, code, true);
    view.setUint8(8 * at + 2, yes);
    view.setUint8(8 * at + 3, no);
    view.setUint32(8 * at + 4, constant, true);
  }
  return bytes;
}
