import { usage } from "./errors.ts";

/**
 * `key=value` pairs parted by commas, of a flag such as `--output`; a pair with a comma is quoted.
 *
 * What was read is counted: `rest` refuses keys that nobody asked for.
 */
export class KeyValues {
  readonly #flag: string;
  readonly #text: string;
  readonly #values = new Map<string, string>();
  readonly #asked = new Set<string>();

  /** @param flag With its dashes. @throws {CtrError} `usage` */
  constructor(flag: string, text: string) {
    this.#flag = flag;
    this.#text = text;
    for (const field of csvFields(text)) {
      const equals = field.indexOf("=");
      if (equals <= 0) throw this.bad(`"${field}" is not key=value`);
      this.#values.set(field.slice(0, equals).trim(), field.slice(equals + 1));
    }
  }

  /** One of several names of a key. */
  text(...keys: string[]): string | undefined {
    for (const key of keys) this.#asked.add(key);
    const found = keys.find((key) => this.#values.has(key));
    return found === undefined ? undefined : this.#values.get(found);
  }

  boolean(key: string): boolean | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    if (/^(true|1|yes)$/i.test(value)) return true;
    if (/^(false|0|no)$/i.test(value)) return false;
    throw this.bad(`${key} is "${value}", want true or false`);
  }

  word<const W extends string>(key: string, words: readonly W[]): W | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    throw this.bad(`${key} is "${value}", want ${words.join(", ")}`);
  }

  count(key: string, least: number, most: number): number | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    if (/^\d+$/.test(value) && Number(value) >= least && Number(value) <= most) {
      return Number(value);
    }
    throw this.bad(`${key} is "${value}", want a number from ${least} to ${most}`);
  }

  /** Those that begin with a word, by what is behind it. */
  prefixed(prefix: string): Record<string, string> {
    const found = [...this.#values].filter(([key]) => key.startsWith(prefix));
    for (const [key] of found) this.#asked.add(key);
    return Object.fromEntries(found.map(([key, value]) => [key.slice(prefix.length), value]));
  }

  /** @throws {CtrError} `usage` for a key that nobody has asked for. */
  rest(): void {
    const unknown = [...this.#values.keys()].find((key) => !this.#asked.has(key));
    if (unknown === undefined) return;
    const known = [...this.#asked].filter((key) => !key.includes(".")).join(", ");
    throw this.bad(`there is no "${unknown}" in it`, `there are ${known}`);
  }

  bad(fact: string, hint?: string): Error {
    return usage(`cannot use ${this.#flag} "${this.#text}": ${fact}`, hint);
  }
}

/** Fields of a line of comma separated values. */
export function csvFields(text: string): string[] {
  return [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"(?=,|$)|([^,]*))/g)]
    .map(([, quoted, plain = ""]) => quoted?.replaceAll('""', '"') ?? plain);
}
