import assert from "node:assert/strict";
import fc from "fast-check";
import { type Argument, compileSeccomp } from "./seccomp_profile.ts";
import { ABIS, syscallNumbers } from "./syscall_tables.ts";

const AMD64 = 0xc000003e;
const NUMBERS = syscallNumbers(ABIS.amd64[0].table);

/** What the kernel does with a filter, from the definition of classic BPF. */
function run(
  program: Uint8Array,
  call: { number: number; arch?: number; args?: readonly bigint[] },
): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, call.number, true);
  data.setUint32(4, call.arch ?? AMD64, true);
  call.args?.forEach((each, index) => data.setBigUint64(16 + 8 * index, each, true));
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at++) {
    const k = view.getUint32(8 * at + 4, true);
    const jump = (yes: boolean) => at += view.getUint8(8 * at + (yes ? 2 : 3));
    switch (view.getUint16(8 * at, true)) {
      case 0x20:
        accumulator = data.getUint32(k, true);
        break;
      case 0x54:
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0x05:
        at += k;
        break;
      case 0x15:
        jump(accumulator === k);
        break;
      case 0x25:
        jump(accumulator > k);
        break;
      case 0x35:
        jump(accumulator >= k);
        break;
      case 0x06:
        return k;
      default:
        throw new Error("an instruction that the compiler does not write");
    }
  }
  throw new Error("the program ran over its end");
}

const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;

Deno.test("a profile answers by name, for the native interface and the 32-bit one", () => {
  const program = compileSeccomp(
    {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [
        { names: ["mkdir", "mkdirat", "no_such_call"], action: "SCMP_ACT_ERRNO", errnoRet: 13 },
        { name: "reboot", action: "SCMP_ACT_KILL_PROCESS" },
      ],
    },
    "amd64",
    [],
  );
  assert.equal(run(program, { number: 83 }), 0x0005000d);
  assert.equal(run(program, { number: 39, arch: 0x40000003 }), 0x0005000d);
  assert.equal(run(program, { number: 39 }), ALLOW); // getpid
  assert.equal(run(program, { number: 169 }), 0x80000000);
  assert.equal(run(program, { number: 5000 }), ALLOW);
  assert.equal(run(program, { number: 0, arch: 0xc00000b7 }), ALLOW);
});

Deno.test("what is newer than an allow list fails with ENOSYS, what it leaves out with EPERM", () => {
  const list = {
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [{ names: ["read", "write"], action: "SCMP_ACT_ALLOW" }],
  };
  const program = compileSeccomp(list, "amd64", []);
  assert.deepEqual([0, 1, 2, 400].map((number) => run(program, { number })), [
    ALLOW,
    ALLOW,
    ENOSYS,
    ENOSYS,
  ]);
  const other = compileSeccomp(
    {
      ...list,
      syscalls: [{ names: ["read", "openat2"], action: "SCMP_ACT_ALLOW" }],
    },
    "amd64",
    [],
  );
  assert.deepEqual([1, 437, 438].map((number) => run(other, { number })), [EPERM, ALLOW, ENOSYS]);
});

Deno.test("rules depend on capabilities, architectures and kernels", () => {
  const program = (conditions: object, capabilities: string[] = [], architecture = "amd64") =>
    run(
      compileSeccomp(
        {
          defaultAction: "SCMP_ACT_ERRNO",
          syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", ...conditions }],
        },
        architecture,
        capabilities,
      ),
      architecture === "amd64" ? { number: 0 } : { number: 63, arch: 0xc00000b7 },
    );
  assert.equal(program({ includes: { caps: ["CAP_BPF"] } }), EPERM);
  assert.equal(program({ includes: { caps: ["CAP_BPF"] } }, ["CAP_BPF"]), ALLOW);
  assert.equal(program({ excludes: { caps: ["CAP_BPF"] } }, ["CAP_BPF"]), EPERM);
  assert.equal(program({ includes: { arches: ["arm64"] } }), EPERM);
  assert.equal(program({ includes: { arches: ["arm64"] } }, [], "arm64"), ALLOW);
  assert.equal(program({ includes: { minKernel: "4.8" } }), ALLOW);
  assert.equal(program({ includes: { minKernel: "7.0" } }), EPERM);
});

/** What an argument's condition means, from libseccomp's documentation. */
function fits({ op, value, valueTwo, index }: Argument, args: readonly bigint[]): boolean {
  const [given, wanted] = [args[index]!, BigInt(value)];
  return {
    SCMP_CMP_EQ: given === wanted,
    SCMP_CMP_NE: given !== wanted,
    SCMP_CMP_LT: given < wanted,
    SCMP_CMP_LE: given <= wanted,
    SCMP_CMP_GE: given >= wanted,
    SCMP_CMP_GT: given > wanted,
    SCMP_CMP_MASKED_EQ: (given & wanted) === BigInt(valueTwo),
  }[op];
}

Deno.test("any profile answers as its rules say", () => {
  const small = fc.constantFrom(0, 1, 2, 3, 0xffffffff, 0x100000000, 0x100000001, 2 ** 52);
  const op = fc.constantFrom("EQ", "NE", "LT", "LE", "GE", "GT", "MASKED_EQ")
    .map((name) => `SCMP_CMP_${name}` as Argument["op"]);
  const argument = fc.record({ index: fc.nat(2), value: small, valueTwo: small, op });
  const rule = fc.record({
    names: fc.subarray([...NUMBERS.keys()].filter((_, at) => at % 29 === 0), { minLength: 1 }),
    action: fc.constantFrom("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRAP"),
    args: fc.uniqueArray(argument, { maxLength: 3, selector: ({ index }) => index }),
  });
  const property = fc.property(
    fc.array(rule, { maxLength: 8 }),
    fc.constantFrom(...[...NUMBERS.keys()].filter((_, at) => at % 29 < 2)),
    fc.array(small.map(BigInt), { minLength: 3, maxLength: 3 }),
    (syscalls, name, args) => {
      const program = compileSeccomp(
        { defaultAction: "SCMP_ACT_KILL_PROCESS", syscalls },
        "amd64",
        [],
      );
      const meant = syscalls.filter((each) => each.names.includes(name));
      const first =
        meant.find((each) =>
          each.args.length > 0 && each.args.every((argument) => fits(argument, args))
        ) ?? meant.find((each) => each.args.length === 0);
      const answers = { ALLOW, LOG: 0x7ffc0000, TRAP: 0x00030000 };
      const expected = first
        ? answers[first.action.slice("SCMP_ACT_".length) as keyof typeof answers]
        : 0x80000000;
      assert.equal(run(program, { number: NUMBERS.get(name)!, args }), expected);
    },
  );
  fc.assert(property, { numRuns: 300 });
});

Deno.test("a profile that cannot be used is refused in a sentence", () => {
  const compile = (profile: unknown) => () => compileSeccomp(profile, "amd64", []);
  assert.throws(compile({}), /cannot use the seccomp profile: defaultAction: /);
  assert.throws(compile({ defaultAction: "SCMP_ACT_NOTIFY" }), /nobody outside the VM/);
  assert.throws(compile({ defaultAction: "SCMP_ACT_DANCE" }), /no action "SCMP_ACT_DANCE"/);
  const rule = {
    names: [...NUMBERS.keys()],
    action: "SCMP_ACT_ALLOW",
    args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }],
  };
  const syscalls = Array.from({ length: 4 }, () => rule);
  assert.throws(compile({ defaultAction: "SCMP_ACT_ERRNO", syscalls }), /at most 4096/);
});
