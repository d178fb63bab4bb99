import { CtrError } from "../core/mod.ts";

/** A range of addresses of one family. */
export interface Cidr {
  readonly family: 4 | 6;
  /** The first address, as a number. */
  readonly base: bigint;
  readonly prefix: number;
}

const BITS = { 4: 32, 6: 128 } as const;

/** @throws {CtrError} `usage` if it is not an address of that family. */
export function parseAddress(text: string): { readonly family: 4 | 6; readonly value: bigint } {
  const value = text.includes(":") ? ipv6(text) : ipv4(text);
  if (value !== undefined) return { family: text.includes(":") ? 6 : 4, value };
  throw new CtrError("usage", `cannot use "${text}": it is not an IP address`);
}

function ipv4(text: string): bigint | undefined {
  const parts = text.split(".");
  const valid = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part));
  if (!valid || parts.some((part) => Number(part) > 255)) return undefined;
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function ipv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => half === "" ? [] : half.split(":"));
  const groups = tail === undefined
    ? head!
    : [...head!, ...Array(Math.max(0, 8 - head!.length - tail.length)).fill("0"), ...tail];
  const short = tail !== undefined && head!.length + tail.length > 7;
  if (short || groups.length !== 8) return undefined;
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** IPv6 as RFC 5952 has it: the longest run of zeroes left out, lower case. */
export function formatAddress(family: 4 | 6, value: bigint): string {
  if (family === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join(".");
  }
  const groups = Array.from(
    { length: 8 },
    (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  const runs = [...groups.join(":").matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)];
  const longest = runs.reduce<RegExpMatchArray | undefined>(
    (best, run) => run[0].length > (best?.[0].length ?? 0) ? run : best,
    undefined,
  );
  if (!longest) return groups.join(":");
  const text = groups.join(":");
  const before = text.slice(0, longest.index);
  return `${before}::${text.slice(longest.index! + longest[0].length).replace(/^:/, "")}`;
}

/** @throws {CtrError} `usage` if it is not `address/length`, or has bits behind its prefix. */
export function parseCidr(text: string, family: 4 | 6): Cidr {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = match && parseAddress(match[1]!);
  const prefix = Number(match?.[2]);
  if (!address || address.family !== family || prefix > BITS[family]) {
    const example = family === 4 ? "10.20.0.0/24" : "fd12:3456::/64";
    throw new CtrError("usage", `cannot use "${text}": want a range such as ${example}`);
  }
  const mask = (1n << BigInt(BITS[family] - prefix)) - 1n;
  if ((address.value & mask) !== 0n) {
    const base = formatAddress(family, address.value & ~mask);
    throw new CtrError("usage", `cannot use "${text}": the range begins at ${base}/${prefix}`);
  }
  return { family, base: address.value, prefix };
}

export function formatCidr({ family, base, prefix }: Cidr): string {
  return `${formatAddress(family, base)}/${prefix}`;
}

/** How many addresses it has. */
export function sizeOf({ family, prefix }: Cidr): bigint {
  return 1n << BigInt(BITS[family] - prefix);
}

export function contains(range: Cidr, family: 4 | 6, value: bigint): boolean {
  return range.family === family && value >= range.base && value < range.base + sizeOf(range);
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return contains(a, b.family, b.base) || contains(b, a.family, a.base);
}
