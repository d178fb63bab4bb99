import { CtrError } from "../core/mod.ts";
import { type Cidr, formatCidr, overlaps, parseCidr } from "./cidr.ts";
import type { NetworkConfig } from "./types.ts";

/** Networks that are not told theirs get one of these: 256 of private IPv4, and as many of ULA. */
const AUTOMATIC = 256;
const BASE4 = 10n << 24n | 216n << 16n; // 10.216.0.0/16
const BASE6 = 0xfd63_7472n << 96n; // fd63:7472::/32

/** Largest that a lease table is kept for, and smallest that has room for a gateway, the host and a guest. */
const IPV4_PREFIXES = [12, 29] as const;
const IPV6_PREFIXES = [32, 120] as const;

/** Ranges of the host's own interfaces: a network over one of them would hide it from its guests. */
export function hostRanges(): Cidr[] {
  return Deno.networkInterfaces().flatMap(({ family, cidr, address }) => {
    const of = family === "IPv4" ? 4 : 6;
    const prefix = Number(cidr.split("/")[1]);
    if (!Number.isInteger(prefix) || address.startsWith("fe80:") || address.includes("%")) {
      return [];
    }
    try {
      return [wholeRange(cidr, of, prefix)];
    } catch {
      return [];
    }
  });
}

function wholeRange(text: string, family: 4 | 6, prefix: number): Cidr {
  const one = parseCidr(`${text.split("/")[0]}/${family === 4 ? 32 : 128}`, family);
  const bits = BigInt((family === 4 ? 32 : 128) - prefix);
  return { family, base: one.base >> bits << bits, prefix };
}

/**
 * The ranges of a new network: those that were asked for, or the first pair that nobody uses.
 *
 * @param asked `none` leaves a family out.
 * @throws {CtrError} `usage` for a range of a wrong size; `conflict` for one that another network has.
 */
export function chooseRanges(
  asked: { readonly ipv4?: string | undefined; readonly ipv6?: string | undefined },
  networks: readonly NetworkConfig[],
  host: readonly Cidr[],
): { readonly ipv4?: string; readonly ipv6?: string } {
  const used = networks.flatMap(({ name, ipv4, ipv6 }) => [
    ...(ipv4 ? [{ name, range: parseCidr(ipv4, 4) }] : []),
    ...(ipv6 ? [{ name, range: parseCidr(ipv6, 6) }] : []),
  ]);
  const given = (text: string, family: 4 | 6) => {
    const range = parseCidr(text, family);
    const [most, least] = family === 4 ? IPV4_PREFIXES : IPV6_PREFIXES;
    if (range.prefix < most || range.prefix > least) {
      throw new CtrError(
        "usage",
        `cannot use "${text}": want a prefix of ${most} to ${least} bits`,
      );
    }
    const other = used.find((each) => overlaps(each.range, range));
    if (!other) return text;
    throw new CtrError("conflict", `cannot use "${text}": network "${other.name}" has it`);
  };
  const free = (family: 4 | 6) => {
    for (let index = 0n; index < AUTOMATIC; index++) {
      const range: Cidr = family === 4
        ? { family, base: BASE4 + (index << 8n), prefix: 24 }
        : { family, base: BASE6 + (index << 64n), prefix: 64 };
      const taken = [...used.map((each) => each.range), ...host];
      if (!taken.some((each) => overlaps(each, range))) return formatCidr(range);
    }
    throw new CtrError(
      "conflict",
      `cannot choose an IPv${family} range: all ${AUTOMATIC} are used`,
      {
        hint: `give one with ${family === 4 ? "--subnet" : "--subnet-v6"}`,
      },
    );
  };
  const of = (family: 4 | 6, text: string | undefined) =>
    text === "none" ? undefined : text === undefined ? free(family) : given(text, family);
  const [ipv4, ipv6] = [of(4, asked.ipv4), of(6, asked.ipv6)];
  if (!ipv4 && !ipv6) throw new CtrError("usage", "cannot make a network without any address");
  return { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}
