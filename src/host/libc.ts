import { hostSystem } from "./facts.ts";

/** The functions of the system's C library that Deno has no counterpart of. */
export const LINUX = {
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * `fcntl` is variadic. Linux passes such an argument like any other; Apple's arm64 puts it on the
 * stack, which is where the ninth of nine arguments is.
 */
export const DARWIN = {
  fcntl: {
    parameters: ["i32", "i32", "i64", "i64", "i64", "i64", "i64", "i64", "i64"],
    result: "i32",
  },
  sysctlbyname: { parameters: ["buffer", "buffer", "buffer", "pointer", "usize"], result: "i32" },
  clonefile: { parameters: ["buffer", "buffer", "u32"], result: "i32" },
  setxattr: {
    parameters: ["buffer", "buffer", "buffer", "usize", "u32", "i32"],
    result: "i32",
  },
  __error: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

type Functions<T extends Deno.ForeignLibraryInterface> = Deno.DynamicLibrary<T>["symbols"];
export type DarwinFunctions = Functions<typeof DARWIN>;

/** What both systems have, called alike. */
export interface Libc {
  fcntl(fd: number, command: number, argument: number): number;
}

/** What macOS alone has. */
export type LibSystem =
  & Libc
  & Pick<DarwinFunctions, "sysctlbyname" | "clonefile" | "setxattr" | "__error">;

let opened: Libc | undefined;

/** The C library of this host. */
export function libc(): Libc {
  return opened ??= hostSystem() === "darwin" ? libSystem() : linuxLibc();
}

function linuxLibc(): Libc {
  return Deno.dlopen("libc.so.6", LINUX).symbols;
}

/** @param symbols Recorded ones in tests. */
export function libSystem(
  symbols: DarwinFunctions = Deno.dlopen("/usr/lib/libSystem.B.dylib", DARWIN).symbols,
): LibSystem {
  return {
    ...symbols,
    fcntl: (fd, command, argument) =>
      symbols.fcntl(fd, command, 0n, 0n, 0n, 0n, 0n, 0n, BigInt(argument)),
  };
}

/** For arguments that are texts. */
export function cText(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
