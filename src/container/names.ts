import { CtrError } from "../core/mod.ts";

// deno-fmt-ignore
const ADJECTIVES = [
  "agile", "amber", "apt", "bold", "brave", "brisk", "calm", "clear", "clever", "cosy", "crisp",
  "deft", "eager", "early", "fair", "fleet", "fond", "fresh", "gentle", "glad", "golden", "grand",
  "happy", "hardy", "ideal", "jolly", "keen", "kind", "light", "lively", "loyal", "lucid", "lucky",
  "mellow", "merry", "mild", "neat", "nimble", "noble", "polite", "proud", "quick", "quiet", "rapid",
  "ready", "robust", "rosy", "sharp", "shiny", "silent", "smart", "snug", "solid", "steady", "still",
  "sunny", "swift", "tidy", "tough", "true", "vivid", "warm", "wise", "witty",
];
// deno-fmt-ignore
const NOUNS = [
  "alder", "ant", "aspen", "badger", "bear", "beech", "birch", "bison", "cedar", "clover", "crane",
  "cypress", "deer", "dove", "eagle", "elm", "falcon", "fern", "finch", "fox", "gecko", "hare",
  "hazel", "heron", "holly", "ibis", "ivy", "jay", "juniper", "kite", "larch", "lark", "lemur",
  "linden", "lynx", "magpie", "maple", "marten", "mole", "moss", "newt", "oak", "orca", "osprey",
  "otter", "owl", "panda", "pine", "plover", "puffin", "quail", "raven", "robin", "rowan", "seal",
  "sorrel", "stoat", "swan", "tern", "thrush", "tulip", "vole", "willow", "wren",
];

/** 64 hexadecimal digits. */
export function newId(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** A name that `taken` does not know: `brave_otter`, with a number once it gets crowded. */
export function newName(taken: (name: string) => boolean): string {
  for (let attempt = 0;; attempt++) {
    const name = `${pick(ADJECTIVES)}_${pick(NOUNS)}`;
    const full = attempt < 8 ? name : `${name}${Math.floor(Math.random() * 10 ** (attempt - 6))}`;
    if (!taken(full)) return full;
  }
}

function pick(words: readonly string[]): string {
  return words[Math.floor(Math.random() * words.length)]!;
}

export interface Named {
  readonly id: string;
  readonly name: string;
}

/**
 * The one that `ref` means: a whole name, a whole ID, or the beginning of one ID alone.
 *
 * @throws {CtrError} `not-found`; `usage` if several IDs begin so.
 */
export function resolveRef<T extends Named>(ref: string, all: Iterable<T>): T {
  const begins: T[] = [];
  let named: T | undefined;
  for (const each of all) {
    if (each.id === ref) return each;
    if (each.name === ref) named = each;
    if (/^[0-9a-f]+$/.test(ref) && each.id.startsWith(ref)) begins.push(each);
  }
  if (named) return named;
  if (begins.length === 1) return begins[0]!;
  if (begins.length > 1) {
    const names = begins.slice(0, 3).map(({ name }) => name).join(", ");
    throw new CtrError("usage", `cannot tell what "${ref}" means: ${begins.length} IDs begin so`, {
      hint: `give more digits, or a name (${names}${begins.length > 3 ? ", …" : ""})`,
    });
  }
  throw new CtrError("not-found", `cannot find "${ref}": there is no such container`, {
    hint: "see all of them with: ctr ls -a",
  });
}

/** The first label of the name, as a host name may be spelled. */
export function hostnameOf(name: string): string {
  return name.split(".")[0]!.replaceAll("_", "-").slice(0, 63).replace(/-+$/, "") || "container";
}
