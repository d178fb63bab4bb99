import { join } from "node:path";
import { z } from "zod";
import { CtrError, isCtrError } from "../core/mod.ts";
import { type TarEntry, TarReader, type TarSink, textOf } from "../tar/mod.ts";
import { ArchivedConfig } from "./archived_config.ts";

const CONFIG = "machine.json";
const DISK = "disk.ext4";
const MAX_CONFIG_BYTES = 4 << 20;
/** Of a disk, as it says it is; it is sparse. */
const MAX_DISK_BYTES = 64 * 2 ** 40;

/**
 * A machine as one file: a tar archive of `machine.json` and its disk, whose holes stay holes. GNU tar and bsdtar
 * read it, and so does `e2fsck` what is in it.
 *
 * @param folder Empty and the caller's; `disk` gets a second name in it.
 */
export async function* archiveMachine(
  folder: string,
  config: ArchivedConfig,
  disk: string,
): AsyncGenerator<Uint8Array, void> {
  await Deno.writeTextFile(join(folder, CONFIG), `${JSON.stringify(config, null, 2)}\n`, {
    mode: 0o600,
  });
  await Deno.link(disk, join(folder, DISK));
  const child = new Deno.Command("tar", {
    args: ["-C", folder, "--sparse", "--format=pax", "-cf", "-", CONFIG, DISK],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { LC_ALL: "C" },
  }).spawn();
  const said = new Response(child.stderr).text();
  try {
    yield* child.stdout;
    const { code } = await child.status;
    if (code !== 0) {
      throw new CtrError(
        "unavailable",
        `cannot export: tar said "${(await said).trim().slice(0, 200)}"`,
      );
    }
  } finally {
    try {
      child.kill("SIGKILL");
    } catch { /* it has ended */ }
    await said.catch(() => {});
  }
}

/**
 * Reads such a file.
 *
 * @param disk Where its disk is written; nothing is there. Flushed when this resolves.
 * @throws {CtrError} `bad-data` if it is none.
 */
export async function unarchiveMachine(
  bytes: AsyncIterable<Uint8Array>,
  disk: string,
): Promise<ArchivedConfig> {
  using file = await Deno.open(disk, { write: true, createNew: true, mode: 0o600 });
  const sink = new ArchiveSink(file);
  const reader = new TarReader(sink);
  try {
    for await (const piece of bytes) reader.push(piece);
    reader.finish();
  } catch (error) {
    if (!isCtrError(error, "bad-data") || error.message.startsWith("cannot import")) throw error;
    throw notOne(error.message, error);
  }
  const config = sink.finish();
  await file.sync();
  return config;
}

class ArchiveSink implements TarSink {
  readonly #file: Deno.FsFile;
  readonly #config: Uint8Array[] = [];
  #configBytes = 0;
  #at: "config" | "disk" | undefined;
  #position = 0;
  #size = -1;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  entry(entry: TarEntry): void {
    const name = textOf(entry.path).replace(/^\.\//, "");
    this.#at = undefined;
    if (entry.type !== "file") return;
    if (name === CONFIG) this.#at = "config";
    if (name !== DISK) return;
    if (this.#size >= 0) throw notOne("it has two disks");
    if (entry.size > MAX_DISK_BYTES) throw notOne("its disk is too large");
    this.#at = "disk";
    this.#size = entry.size;
  }

  data(bytes: Uint8Array): void {
    if (this.#at === "config") {
      this.#configBytes += bytes.length;
      if (this.#configBytes > MAX_CONFIG_BYTES) throw notOne("its description is too large");
      this.#config.push(bytes.slice());
    }
    if (this.#at !== "disk") return;
    this.#file.seekSync(this.#position, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    this.#position += bytes.length;
  }

  hole(length: number): void {
    if (this.#at === "disk") this.#position += length;
  }

  finish(): ArchivedConfig {
    if (this.#size < 0 || this.#config.length === 0) {
      throw notOne(`it lacks ${this.#size < 0 ? DISK : CONFIG}`);
    }
    if (this.#position !== this.#size) throw notOne("its disk is cut off");
    this.#file.truncateSync(this.#size);
    const bytes = new Uint8Array(this.#configBytes);
    let at = 0;
    for (const part of this.#config) {
      bytes.set(part, at);
      at += part.length;
    }
    try {
      return ArchivedConfig.parse(JSON.parse(new TextDecoder().decode(bytes)));
    } catch (cause) {
      const fact = cause instanceof z.ZodError ? cause.issues[0]?.message ?? "" : "it is no JSON";
      throw notOne(`${CONFIG} cannot be used: ${fact}`, cause);
    }
  }
}

function notOne(fact: string, cause?: unknown): CtrError {
  return new CtrError("bad-data", `cannot import: ${fact}`, {
    hint: "want a file that ctr machine export has written",
    cause,
  });
}
