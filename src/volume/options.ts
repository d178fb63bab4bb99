import { CtrError, formatSize, parseSize } from "../core/mod.ts";
import type { JournalMode, VolumeConfig, VolumeType } from "./types.ts";

const BLOCK = 4096;
const MIB = 1024 ** 2;
/**
 * What the guest sees of a new volume. The host pays for what is written, but the guest pays for what it
 * sees: mounting and trimming 512 GiB takes it half a second more under emulation.
 */
export const DEFAULT_BYTES = 64 * 1024 ** 3;
export const LEAST_BYTES = MIB;
export const MOST_BYTES = 16 * 1024 ** 4 - BLOCK;
/** Below this a journal, which has 4 MiB at least, would be most of the volume: there is none. */
export const LEAST_JOURNALED_BYTES = 16 * MIB;
const LEAST_JOURNAL = 4 * MIB;
const MOST_JOURNAL = 512 * MIB;

const KEYS = ["size", "journal", "type"];
const TYPES: readonly string[] = ["block", "shared"] satisfies VolumeType[];
const MODES: readonly string[] = ["ordered", "writeback", "journal"] satisfies JournalMode[];

/**
 * Reads what `--opt` says: `size`, `journal=MODE[:SIZE]`, `type`.
 *
 * @throws {CtrError} `usage`.
 */
export function readOptions(
  options: Readonly<Record<string, string>>,
): Pick<VolumeConfig, "type" | "sizeBytes" | "journal"> {
  for (const key of Object.keys(options)) {
    if (!KEYS.includes(key)) {
      throw wrong(key, "there is no such option", "want size, journal or type");
    }
  }
  const type = options.type ?? "block";
  if (!TYPES.includes(type)) throw wrong("type", `"${type}" is neither block nor shared`);
  if (type === "shared") {
    for (const key of ["size", "journal"].filter((each) => each in options)) {
      throw wrong(key, "a shared volume is a folder of the host, which has none");
    }
    return { type, sizeBytes: undefined, journal: undefined };
  }
  const sizeBytes = options.size === undefined ? DEFAULT_BYTES : readSize(options.size);
  return { type: "block", sizeBytes, journal: readJournal(options.journal, sizeBytes) };
}

/** Whole blocks. @throws {CtrError} `usage` outside the limits. */
function readSize(text: string): number {
  const wanted = parseSize(text);
  const bytes = Math.ceil(wanted / BLOCK) * BLOCK;
  if (wanted < LEAST_BYTES || bytes > MOST_BYTES) throw wrongSize(text, LEAST_BYTES);
  return bytes;
}

/** @throws {CtrError} `usage` if a volume cannot have that size. */
export function checkSize(bytes: number, { journal }: VolumeConfig): void {
  const least = journal
    ? Math.max(LEAST_JOURNALED_BYTES, 2 * (journal.sizeBytes ?? 0))
    : LEAST_BYTES;
  if (bytes % BLOCK !== 0) throw wrong("size", `${bytes} is not a multiple of ${BLOCK}`);
  if (bytes < least || bytes > MOST_BYTES) throw wrongSize(formatSize(bytes), least);
}

function wrongSize(text: string, least: number): CtrError {
  return wrong(
    "size",
    `"${text}" is not between ${formatSize(least)} and ${formatSize(MOST_BYTES + BLOCK)}`,
  );
}

function readJournal(text: string | undefined, volumeBytes: number): VolumeConfig["journal"] {
  if (text === undefined) {
    return volumeBytes < LEAST_JOURNALED_BYTES ? undefined : { mode: "ordered" };
  }
  const [mode = "", ...rest] = text.split(":");
  if (!MODES.includes(mode)) {
    throw wrong("journal", `"${mode}" is none of ${MODES.join(", ")}`);
  }
  if (volumeBytes < LEAST_JOURNALED_BYTES) {
    throw wrong(
      "journal",
      `a volume under ${formatSize(LEAST_JOURNALED_BYTES)} has no room for one`,
    );
  }
  if (rest.length === 0) return { mode: mode as JournalMode };
  const sizeBytes = Math.ceil(parseSize(rest.join(":")) / BLOCK) * BLOCK;
  const most = Math.min(MOST_JOURNAL, Math.floor(volumeBytes / 2));
  if (sizeBytes < LEAST_JOURNAL || sizeBytes > most) {
    throw wrong(
      "journal",
      `its size "${rest.join(":")}" is not between ${formatSize(LEAST_JOURNAL)} and ` +
        `${formatSize(most)}`,
    );
  }
  return { mode: mode as JournalMode, sizeBytes };
}

/** How the guest mounts a block volume. */
export function mountOptions({ journal }: VolumeConfig, readonly: boolean): string[] {
  // Read-only disks take no replay of the journal: the host has done it.
  if (readonly) return ["ro", "noload"];
  // `ordered` is what the kernel does anyway.
  return journal && journal.mode !== "ordered" ? [`data=${journal.mode}`] : [];
}

/** Options that are given again must be those that it was made with. */
export function checkAgrees(config: VolumeConfig, options: Readonly<Record<string, string>>): void {
  if (Object.keys(options).length === 0) return;
  const wanted = readOptions(options);
  const has: Record<string, unknown> = { ...config };
  for (const key of ["type", "sizeBytes", "journal"] as const) {
    const given = { type: "type", sizeBytes: "size", journal: "journal" }[key];
    if (!(given in options) || JSON.stringify(wanted[key]) === JSON.stringify(has[key])) continue;
    throw new CtrError(
      "conflict",
      `cannot use volume "${config.name}": it was made with another ${given}`,
      { hint: `see it with: ctr volume inspect ${config.name}` },
    );
  }
}

function wrong(key: string, fact: string, hint?: string): CtrError {
  return new CtrError("usage", `cannot use the volume option "${key}": ${fact}`, { hint });
}
