/**
 * The directory entries of a file system that is being written. Names lie one after another in large byte
 * arrays and entries in typed arrays, found by a hash of directory and name: a million entries cost the
 * garbage collector nothing.
 */
import { CtrError } from "../core/mod.ts";

const CHUNK_BITS = 12;
const CHUNK = 1 << CHUNK_BITS; // entries
const WORDS = 8;
const ARENA = 1 << 18;
const MAX_NAME = 255;

const HASH = 0;
const NEXT_IN_BUCKET = 1;
const PARENT = 2;
const INODE = 3;
const NEXT_SIBLING = 4;
const NAME = 5; // offset in the arenas
const LENGTH = 6;

export class NameTable {
  readonly #chunks: Int32Array[] = [];
  readonly #arenas: Uint8Array[] = [];
  #arenaUsed = ARENA;
  /** Entry 0 stands for none. */
  #count = 1;
  #buckets = new Int32Array(1 << 12);

  /** The entry `name` of directory `parent`, 0 if there is none. */
  find(parent: number, name: string): number {
    const hash = hashOf(parent, name);
    let entry = this.#buckets[hash & (this.#buckets.length - 1)]!;
    while (entry !== 0) {
      const words = this.#chunks[entry >>> CHUNK_BITS]!;
      const at = (entry & (CHUNK - 1)) * WORDS;
      if (
        words[at + HASH] === hash && words[at + PARENT] === parent && words[at + INODE] !== 0 &&
        this.#isNamed(words, at, name)
      ) return entry;
      entry = words[at + NEXT_IN_BUCKET]!;
    }
    return 0;
  }

  /**
   * Adds an entry; there must be none of that name.
   *
   * @throws {CtrError} `bad-data` if the name is longer than 255 bytes.
   */
  add(parent: number, name: string, inode: number): number {
    if (name.length > MAX_NAME) {
      throw new CtrError(
        "bad-data",
        `write ext4: a name of ${name.length} bytes is longer than ${MAX_NAME}`,
      );
    }
    if (this.#count >= this.#buckets.length) this.#grow();
    const entry = this.#count++;
    if (entry >>> CHUNK_BITS === this.#chunks.length || this.#chunks.length === 0) {
      this.#chunks.push(new Int32Array(CHUNK * WORDS));
    }
    const words = this.#chunks[entry >>> CHUNK_BITS]!;
    const at = (entry & (CHUNK - 1)) * WORDS;
    const hash = hashOf(parent, name);
    const bucket = hash & (this.#buckets.length - 1);
    words[at + HASH] = hash;
    words[at + NEXT_IN_BUCKET] = this.#buckets[bucket]!;
    words[at + PARENT] = parent;
    words[at + INODE] = inode;
    words[at + NAME] = this.#store(name);
    words[at + LENGTH] = name.length;
    this.#buckets[bucket] = entry;
    return entry;
  }

  inode(entry: number): number {
    return this.#get(entry, INODE);
  }

  setInode(entry: number, inode: number): void {
    this.#set(entry, INODE, inode);
  }

  parent(entry: number): number {
    return this.#get(entry, PARENT);
  }

  nextSibling(entry: number): number {
    return this.#get(entry, NEXT_SIBLING);
  }

  setNextSibling(entry: number, next: number): void {
    this.#set(entry, NEXT_SIBLING, next);
  }

  nameLength(entry: number): number {
    return this.#get(entry, LENGTH);
  }

  /** The bytes that hold the name, and where in them it starts. */
  nameBytes(entry: number): Uint8Array {
    return this.#arenas[Math.floor(this.#get(entry, NAME) / ARENA)]!;
  }

  nameStart(entry: number): number {
    return this.#get(entry, NAME) % ARENA;
  }

  #get(entry: number, word: number): number {
    return this.#chunks[entry >>> CHUNK_BITS]![(entry & (CHUNK - 1)) * WORDS + word]!;
  }

  #set(entry: number, word: number, value: number): void {
    this.#chunks[entry >>> CHUNK_BITS]![(entry & (CHUNK - 1)) * WORDS + word] = value;
  }

  #isNamed(words: Int32Array, at: number, name: string): boolean {
    if (words[at + LENGTH] !== name.length) return false;
    const bytes = this.#arenas[Math.floor(words[at + NAME]! / ARENA)]!;
    const start = words[at + NAME]! % ARENA;
    for (let i = 0; i < name.length; i++) {
      if (bytes[start + i] !== name.charCodeAt(i)) return false;
    }
    return true;
  }

  #store(name: string): number {
    if (this.#arenaUsed + name.length > ARENA) {
      this.#arenas.push(new Uint8Array(ARENA));
      this.#arenaUsed = 0;
    }
    const arena = this.#arenas.at(-1)!;
    const start = this.#arenaUsed;
    for (let i = 0; i < name.length; i++) arena[start + i] = name.charCodeAt(i);
    this.#arenaUsed += name.length;
    return (this.#arenas.length - 1) * ARENA + start;
  }

  #grow(): void {
    const buckets = new Int32Array(2 * this.#buckets.length);
    for (let entry = 1; entry < this.#count; entry++) {
      const bucket = this.#get(entry, HASH) & (buckets.length - 1);
      this.#set(entry, NEXT_IN_BUCKET, buckets[bucket]!);
      buckets[bucket] = entry;
    }
    this.#buckets = buckets;
  }
}

// Random, so that no archive can be made whose names all fall into one bucket. Never seen on the disk.
const SEED = crypto.getRandomValues(new Int32Array(1))[0]!;

function hashOf(parent: number, name: string): number {
  let hash = Math.imul(parent, 0x9e3779b1) ^ SEED;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ hash >>> 13;
}
