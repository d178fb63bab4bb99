import { z } from "zod";
import { CtrError } from "../../core/mod.ts";
import type { Architecture } from "../hypervisor.ts";
import { qemuSystem } from "./arguments.ts";

/** The first with the `stream` network backend, by which VMs plug into their switch. */
export const LEAST_VERSION = "7.2";

/** A QEMU program that can be used. */
export interface Binary {
  readonly path: string;
  readonly version: string;
}

const Version = z.string().regex(/^\d+\.\d+(\.\d+)?$/);

/** Debian's names; other systems' are close enough to be guessed. */
const PACKAGE: Readonly<Record<Architecture, string>> = {
  amd64: "qemu-system-x86",
  arm64: "qemu-system-arm",
};

/**
 * Finds the QEMU that runs guests of `architecture`.
 *
 * @param searchPath As in `$PATH`.
 * @throws {CtrError} `unavailable` if there is none or it is older than `LEAST_VERSION`.
 */
export async function findBinary(
  architecture: Architecture,
  searchPath = Deno.env.get("PATH") ?? "/usr/bin:/bin",
): Promise<Binary> {
  const name = qemuSystem(architecture);
  const path = await inPath(name, searchPath);
  const hint = `install QEMU ${LEAST_VERSION} or newer, on Debian: apt-get install ${
    PACKAGE[architecture]
  }`;
  if (path === undefined) {
    throw new CtrError("unavailable", `cannot run ${architecture} guests: no ${name} in PATH`, {
      hint,
    });
  }
  const version = await versionOf(path);
  if (isOlder(version, LEAST_VERSION)) {
    const fact = `${path} is version ${version}, at least ${LEAST_VERSION} is needed`;
    throw new CtrError("unavailable", `cannot run ${architecture} guests: ${fact}`, { hint });
  }
  return { path, version };
}

async function inPath(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(":").filter((each) => each.startsWith("/"))) {
    const path = `${folder}/${name}`;
    const { isFile, mode } = await Deno.stat(path).catch(() => ({ isFile: false, mode: 0 }));
    if (isFile && ((mode ?? 0) & 0o111) !== 0) return path;
  }
  return undefined;
}

/** By file, so that an upgrade of QEMU under a running engine is seen. Asking takes 10 ms a start. */
const versions = new Map<string, Promise<string>>();

async function versionOf(path: string): Promise<string> {
  const { mtime, size, ino } = await Deno.stat(path);
  const key = `${path} ${mtime?.getTime()} ${size} ${ino}`;
  const known = versions.get(key);
  if (known !== undefined) return await known;
  const asked = askVersion(path);
  versions.set(key, asked);
  asked.catch(() => versions.delete(key));
  return await asked;
}

async function askVersion(path: string): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(path, {
    args: ["--version"],
    stdin: "null",
    signal: AbortSignal.timeout(5000),
  }).output();
  const text = new TextDecoder().decode(stdout);
  const parsed = Version.safeParse(/version (\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1]);
  if (success && parsed.success) return parsed.data;
  const said = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
  throw new CtrError(
    "unavailable",
    `cannot run "${path} --version": ${said || "no version in it"}`,
  );
}

function isOlder(version: string, least: string): boolean {
  const [a, b] = [version, least].map((each) => each.split(".").map(Number));
  return (a![0]! - b![0]! || a![1]! - b![1]!) < 0;
}
