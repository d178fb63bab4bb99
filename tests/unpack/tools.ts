/** The independent judges: e2fsck, GNU tar, debugfs, and where root allows it the host's own kernel. */
import assert from "node:assert/strict";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; output as a binary string, because names are bytes. */
export async function run(program: string, ...args: readonly string[]): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    env: { LC_ALL: "C" },
  }).output();
  const binary = (bytes: Uint8Array) => {
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) {
      text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    }
    return text;
  };
  return { code, stdout: binary(stdout), stderr: binary(stderr) };
}

/** Fails unless `e2fsck -fn` has nothing to say. */
export async function judge(disk: string): Promise<void> {
  const { code, stdout, stderr } = await run("e2fsck", "-fn", disk);
  assert.equal(code, 0, `${disk}:\n${stdout}${stderr}`);
}

export const IS_ROOT = Deno.build.os === "linux" && Deno.uid() === 0;

async function canMount(): Promise<boolean> {
  if (!IS_ROOT) return false;
  const { code } = await run("losetup", "-f");
  return code === 0;
}

export const CAN_MOUNT = await canMount();

/** Mounts a disk read-only while `work` runs. */
export async function mounted<T>(disk: string, work: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempDir({ prefix: "ctr-mount-" });
  const { code, stderr } = await run("mount", "-o", "loop,ro", disk, path);
  assert.equal(code, 0, stderr);
  try {
    return await work(path);
  } finally {
    await run("umount", path);
    await Deno.remove(path);
  }
}

/** A folder that goes with the test. */
export async function scratch(work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "ctr-test-" });
  try {
    await work(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/**
 * One line per name: path, type, mode, owner, size or device, links, time in nanoseconds, target.
 * Directories whose time is now were made by tar for want of an entry: their time says nothing.
 */
export async function treeOf(path: string): Promise<Map<string, string>> {
  const format = "%P\\0%y %m %U:%G %s %n %T@ %l\\0";
  const { code, stdout, stderr } = await run("find", path, "-mindepth", "1", "-printf", format);
  assert.equal(code, 0, stderr);
  const parts = stdout.split("\0");
  const tree = new Map<string, string>();
  for (let i = 0; i + 1 < parts.length; i += 2) tree.set(parts[i]!, parts[i + 1]!);
  return tree;
}
