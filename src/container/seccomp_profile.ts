import { z } from "zod";
import { CtrError } from "../core/mod.ts";
import { assemble, type Segment } from "./seccomp_program.ts";
import { ABIS, syscallNumbers } from "./syscall_tables.ts";

const Argument = z.looseObject({
  index: z.int().min(0).max(5),
  value: z.number(),
  valueTwo: z.number().default(0),
  op: z.enum([
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
  ]),
});
export type Argument = z.output<typeof Argument>;

const Conditions = z.looseObject({
  caps: z.array(z.string()).nullish(),
  arches: z.array(z.string()).nullish(),
  minKernel: z.string().regex(/^\d+\.\d+$/).nullish(),
});

const Profile = z.looseObject({
  defaultAction: z.string(),
  defaultErrnoRet: z.int().min(0).max(4095).optional(),
  syscalls: z.array(z.looseObject({
    name: z.string().optional(),
    names: z.array(z.string()).max(2000).nullish(),
    action: z.string(),
    errnoRet: z.int().min(0).max(4095).optional(),
    args: z.array(Argument).max(6).nullish(),
    includes: Conditions.nullish(),
    excludes: Conditions.nullish(),
  })).max(2000).nullish(),
});
type Profile = z.output<typeof Profile>;
type Conditions = z.output<typeof Conditions>;

const EPERM = 1;
const ENOSYS = 38;
const ERRNO = 0x00050000;

/** Answers of a filter (linux/seccomp.h). */
const ACTIONS: Readonly<Record<string, number>> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: ERRNO,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

/** The kernel of the guest, for `minKernel`. */
const KERNEL = [6, 12] as const;

/** Most instructions of a filter (BPF_MAXINSNS). */
const MOST = 4096;

/**
 * Compiles a profile in Docker's format to a program of classic BPF.
 *
 * Of several rules for one system call the first whose arguments fit answers; those without arguments
 * come last. Names that no table has are left out, as the runtimes do. A call that is newer than all
 * that the profile names fails with ENOSYS where the default is EPERM, so that programs fall back.
 *
 * @param architecture As in a platform: `amd64` or `arm64`.
 * @param capabilities `CAP_…`, for `includes` and `excludes`.
 * @returns Whole `struct sock_filter` records, little-endian.
 * @throws {CtrError} `usage` if the profile cannot be read, `too-large` if it is too long for Linux.
 * @see https://www.kernel.org/doc/html/v6.12/userspace-api/seccomp_filter.html
 */
export function compileSeccomp(
  profile: unknown,
  architecture: string,
  capabilities: readonly string[],
): Uint8Array {
  const read = Profile.safeParse(profile);
  if (!read.success) {
    const { path, message } = read.error.issues[0]!;
    throw bad(`${path.join(".") || "it"}: ${message}`);
  }
  const native = (architecture === "arm64" ? "arm64" : "amd64") as keyof typeof ABIS;
  const rules = rulesOf(read.data, native, capabilities);
  const otherwise = answer(read.data.defaultAction, read.data.defaultErrnoRet);
  const program = assemble(
    ABIS[native].map(({ audit, table }) => ({
      audit,
      segments: segments(rules, syscallNumbers(table), otherwise),
    })),
    otherwise,
  );
  if (program.length > MOST * 8) {
    throw new CtrError(
      "too-large",
      `cannot use the seccomp profile: ${program.length / 8} instructions, at most ${MOST}`,
    );
  }
  return program;
}

export interface Rule {
  readonly names: readonly string[];
  readonly answer: number;
  /** All have to fit. */
  readonly args: readonly Argument[];
}

function rulesOf(profile: Profile, architecture: string, capabilities: readonly string[]): Rule[] {
  const holds = (conditions: Conditions) => ({
    caps: conditions.caps?.map((each) => capabilities.includes(each)) ?? [],
    arches: conditions.arches?.includes(architecture),
    kernel: conditions.minKernel ? !newerThanOurs(conditions.minKernel) : undefined,
  });
  return (profile.syscalls ?? []).flatMap((entry) => {
    const included = holds(entry.includes ?? {});
    const excluded = holds(entry.excludes ?? {});
    const meant = included.caps.every(Boolean) && included.arches !== false &&
      included.kernel !== false && !excluded.caps.includes(true) && excluded.arches !== true &&
      excluded.kernel !== true;
    if (!meant) return [];
    const names = [...entry.names ?? [], ...(entry.name ? [entry.name] : [])];
    const rule = { names, answer: answer(entry.action, entry.errnoRet) };
    const args = entry.args ?? [];
    // Two conditions on one argument are alternatives: so it is in libseccomp's callers.
    const alternatives = new Set(args.map(({ index }) => index)).size < args.length;
    return alternatives
      ? args.map((argument) => ({ ...rule, args: [argument] }))
      : [{ ...rule, args }];
  });
}

function newerThanOurs(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > KERNEL[0] || (major === KERNEL[0] && minor > KERNEL[1]);
}

function answer(action: string, errno: number | undefined): number {
  const value = ACTIONS[action];
  if (value === undefined) {
    throw bad(
      action === "SCMP_ACT_NOTIFY"
        ? "nobody outside the VM could answer SCMP_ACT_NOTIFY"
        : `there is no action "${action}"`,
    );
  }
  const takesNumber = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  return takesNumber ? (value | (errno ?? EPERM)) >>> 0 : value;
}

/** What is answered for which numbers: ascending, without a gap, the first from 0. */
function segments(
  rules: readonly Rule[],
  numbers: ReadonlyMap<string, number>,
  otherwise: number,
): Segment[] {
  const byNumber = new Map<number, Rule[]>();
  for (const rule of rules) {
    for (const name of rule.names) {
      const number = numbers.get(name);
      if (number !== undefined) byNumber.set(number, [...byNumber.get(number) ?? [], rule]);
    }
  }
  const highest = Math.max(-1, ...byNumber.keys());
  const unknown = otherwise === (ERRNO | EPERM) && highest >= 0 ? ERRNO | ENOSYS : otherwise;
  const found: Segment[] = [];
  const push = (from: number, segment: Omit<Segment, "from">) => {
    const last = found.at(-1);
    const same = last && last.rules.length === 0 && segment.rules.length === 0 &&
      last.otherwise === segment.otherwise;
    if (!same) found.push({ from, ...segment });
  };
  push(0, { rules: [], otherwise });
  for (const number of [...byNumber.keys()].sort((a, b) => a - b)) {
    const of = byNumber.get(number)!;
    const plain = of.find((rule) => rule.args.length === 0);
    const segment = {
      rules: of.filter((rule) => rule.args.length > 0),
      otherwise: plain?.answer ?? otherwise,
    };
    if (found.at(-1)!.from === number) found.pop();
    push(number, segment);
    push(number + 1, { rules: [], otherwise: number === highest ? unknown : otherwise });
  }
  return found;
}

function bad(fact: string): CtrError {
  return new CtrError("usage", `cannot use the seccomp profile: ${fact}`);
}
