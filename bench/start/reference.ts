import { join } from "node:path";

/** Builds the disk of the reference guest in `folder`, like vminitd's: static Go, read-only ext4. */
export async function referenceDisk(folder: string): Promise<string> {
  const source = new URL("reference/main.go", import.meta.url).pathname;
  const root = join(folder, "root");
  for (const name of ["dev", "proc", "sys", "sbin"]) {
    await Deno.mkdir(join(root, name), { recursive: true });
  }
  const env = { CGO_ENABLED: "0", GOFLAGS: "-trimpath" };
  await run("go", ["build", "-ldflags=-s -w", "-o", join(root, "sbin/init"), source], env);
  const disk = join(folder, "reference.ext4");
  await run("/sbin/mke2fs", ["-q", "-t", "ext4", "-O", "^has_journal", "-d", root, disk, "8M"]);
  return disk;
}

async function run(command: string, args: string[], env: Record<string, string> = {}) {
  const { success, stderr } = await new Deno.Command(command, { args, env }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
}
