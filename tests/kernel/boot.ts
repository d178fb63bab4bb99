/** Boots a kernel in QEMU, emulated, with tests/kernel/init.c as its init, and reads what that says. */
import { gunzipSync } from "node:zlib";

const here = new URL("./", import.meta.url).pathname;
export const root = new URL("../../", import.meta.url).pathname;

export interface Machine {
  /** As `kernel/build` calls it. */
  readonly name: string;
  readonly compiler: string;
  readonly qemu: readonly string[];
  readonly console: string;
}

export const MACHINES: readonly Machine[] = [
  {
    name: "x86_64",
    compiler: "gcc",
    qemu: [
      "qemu-system-x86_64",
      "-M",
      "microvm,accel=tcg,acpi=off,x-option-roms=off,auto-kernel-cmdline=on",
      "-cpu",
      "max,-svm",
    ],
    console: "ttyS0",
  },
  {
    name: "arm64",
    compiler: "aarch64-linux-gnu-gcc",
    qemu: ["qemu-system-aarch64", "-M", "virt,accel=tcg", "-cpu", "cortex-a72"],
    console: "ttyAMA0",
  },
];

export interface Findings {
  readonly release: string;
  readonly controllers: readonly string[];
  /** By name: `ok`, or what failed. */
  readonly probes: ReadonlyMap<string, string>;
  readonly config: string;
}

/** The built kernel, or `undefined`: building one here would take a quarter of an hour. */
export async function builtKernel(name: string): Promise<string | undefined> {
  const { stdout, success } = await new Deno.Command(`${root}kernel/build`, {
    args: ["--key", name],
    stderr: "null",
  }).output();
  if (!success) return undefined;
  const cache = Deno.env.get("CTR_CACHE") ?? `${Deno.env.get("HOME")}/.cache/ctr`;
  const path = `${cache}/kernel/${name}-${new TextDecoder().decode(stdout).trim()}/kernel`;
  return await Deno.stat(path).then(() => path, () => undefined);
}

export async function boot(machine: Machine, kernel: string): Promise<Findings> {
  const folder = await Deno.makeTempDir({ prefix: "ctr-kernel-" });
  try {
    await output(machine.compiler, [
      "-static",
      "-Os",
      "-Wall",
      "-Werror",
      "-o",
      `${folder}/init`,
      `${here}init.c`,
    ]);
    await output("sh", [
      "-c",
      'cd "$1" && echo init | cpio --quiet -o -H newc > initrd',
      "sh",
      folder,
    ]);
    const [program = "", ...args] = machine.qemu;
    const text = await output("timeout", [
      ...[
        "120",
        program,
        ...args,
        "-m",
        "256",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
      ],
      ...["-serial", "stdio", "-kernel", kernel, "-initrd", `${folder}/initrd`],
      // A triple fault is what ends a microvm without ACPI.
      ...["-append", `console=${machine.console} quiet panic=-1 reboot=t rdinit=/init`],
    ]);
    return parse(text.replaceAll("\r", ""));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function parse(text: string): Findings {
  const values = (word: string) =>
    [...text.matchAll(new RegExp(`^${word} (.*)$`, "gm"))].map((match) => match[1] ?? "");
  if (!/^done$/m.test(text)) throw new Error(`the guest did not get to its end:\n${text}`);
  const config = Uint8Array.fromHex(values("config").join(""));
  return {
    release: values("release")[0] ?? "",
    controllers: values("controllers")[0]?.split(" ") ?? [],
    probes: new Map(
      values("probe").map((line) => {
        const [, name = "", result = ""] = line.match(/^(.*?) (ok|failed: .*)$/) ?? [];
        return [name, result];
      }),
    ),
    config: gunzipSync(config).toString(),
  };
}

async function output(program: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" })
    .output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`${program} failed:\n${err}${out}`);
  return out ?? "";
}
