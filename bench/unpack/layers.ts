/** The layers that are measured: made once, kept in the cache under a name that says how. */
import { join } from "node:path";
import { TAR_END, tarHeader, tarPadding } from "../../src/tar/mod.ts";

const HERE = import.meta.dirname!;

export function cacheFolder(): string {
  return join(
    Deno.env.get("CTR_CACHE") ?? join(Deno.env.get("HOME") ?? ".", ".cache", "ctr"),
    "bench",
  );
}

/** Path of a generated layer without its suffix: `.tar` and `.tar.gz` are there. */
export async function layer(kind: string, scale: number): Promise<string> {
  const folder = join(cacheFolder(), `layers-${scale}-seed1`);
  const path = join(folder, kind);
  try {
    await Deno.stat(`${path}.json`); // written last
    return path;
  } catch {
    console.error(`making the layer ${kind} at scale ${scale} …`);
  }
  await Deno.mkdir(folder, { recursive: true });
  await succeed(
    "python3",
    join(HERE, "../make-layers"),
    "--out",
    folder,
    "--kinds",
    kind,
    "--scale",
    String(scale),
    "--no-zst",
  );
  return path;
}

/** A plain tar of `count` files of 20 bytes, a hundred to a directory. The caller removes it. */
export function tinyFiles(count: number): string {
  const path = join(cacheFolder(), `tiny-${count}.tar`);
  using file = Deno.openSync(path, { write: true, create: true, truncate: true });
  const content = new TextEncoder().encode("twenty bytes of text");
  let parts: Uint8Array[] = [];
  const flush = () => {
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    parts = [];
  };
  const padding = tarPadding(content.length);
  for (let i = 0; i < count; i++) {
    const name = `srv/${Math.floor(i / 10_000)}/${Math.floor(i / 100) % 100}/file-${i}`;
    parts.push(
      tarHeader({ path: name, type: "file", size: content.length, mtime: 1_700_000_000 }),
      content,
      padding,
    );
    if (parts.length > 10_000) flush();
  }
  parts.push(TAR_END);
  flush();
  return path;
}

/** Path of the peer, built once; `undefined` where there is no Go. */
export async function tar2ext4(): Promise<string | undefined> {
  const path = join(cacheFolder(), "tar2ext4-0.15.0");
  try {
    await Deno.stat(path);
    return path;
  } catch {
    // not built yet
  }
  try {
    const { success } = await new Deno.Command("go", {
      args: ["build", "-o", path, "."],
      cwd: join(HERE, "tar2ext4"),
    }).output();
    return success ? path : undefined;
  } catch {
    return undefined;
  }
}

async function succeed(program: string, ...args: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command(program, { args: [...args], stdout: "null" }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")} failed`);
}
