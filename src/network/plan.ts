import { CtrError } from "../core/mod.ts";
import { type Cidr, contains, formatAddress, parseAddress, parseCidr, sizeOf } from "./cidr.ts";
import type { NetworkConfig } from "./types.ts";

/** Places of a network that no guest gets, counted from its first address. */
const GATEWAY = 1n;

/** The addresses of one network, by the place in each of its ranges: one place is one guest. */
export class AddressPlan {
  readonly #ranges: readonly Cidr[];

  constructor(config: Pick<NetworkConfig, "ipv4" | "ipv6">) {
    this.#ranges = [
      ...(config.ipv4 ? [parseCidr(config.ipv4, 4)] : []),
      ...(config.ipv6 ? [parseCidr(config.ipv6, 6)] : []),
    ];
  }

  /** The gateway's own, with the length of the prefix. */
  gateway(family: 4 | 6): string | undefined {
    return this.#cidrAt(family, () => GATEWAY);
  }

  /** By which guests reach the host's loopback. */
  host(): string[] {
    return this.#ranges.map((range) =>
      formatAddress(range.family, range.base + this.#hostPlace(range))
    );
  }

  /** That of one family. */
  hostOf(family: 4 | 6): string | undefined {
    return this.host().find((address) => address.includes(":") === (family === 6));
  }

  /** The same with the length of the prefix. */
  hostCidr(family: 4 | 6): string | undefined {
    const prefix = this.#ranges.find((range) => range.family === family)?.prefix;
    return prefix === undefined ? undefined : `${this.hostOf(family)}/${prefix}`;
  }

  /** Places that guests may have: behind the gateway, before the host's and the broadcast address. */
  get places(): { readonly first: bigint; readonly last: bigint } {
    const least = this.#ranges.reduce(
      (least, range) => this.#hostPlace(range) < least ? this.#hostPlace(range) : least,
      1n << 20n,
    );
    return { first: GATEWAY + 1n, last: least - 1n };
  }

  /** CIDR, one of each family. */
  addresses(
    place: bigint,
    fixed: { ip?: string | undefined; ip6?: string | undefined } = {},
  ): string[] {
    return this.#ranges.map((range) => {
      const given = range.family === 4 ? fixed.ip : fixed.ip6;
      return `${given ?? formatAddress(range.family, range.base + place)}/${range.prefix}`;
    });
  }

  /**
   * The place of an address that was asked for.
   *
   * @throws {CtrError} `usage` if it is not one that a guest of this network can have.
   */
  placeOf(text: string, network: string): { readonly family: 4 | 6; readonly place: bigint } {
    const { family, value } = parseAddress(text);
    const range = this.#ranges.find((each) => contains(each, family, value));
    if (!range) {
      throw new CtrError(
        "usage",
        `cannot use address "${text}": it is not in network "${network}"`,
      );
    }
    const place = value - range.base;
    if (place <= GATEWAY || place >= this.#hostPlace(range)) {
      throw new CtrError("usage", `cannot use address "${text}": it is reserved in "${network}"`);
    }
    return { family, place };
  }

  #cidrAt(family: 4 | 6, place: () => bigint): string | undefined {
    const range = this.#ranges.find((each) => each.family === family);
    return range && `${formatAddress(family, range.base + place())}/${range.prefix}`;
  }

  /** The last but the broadcast address; of the huge ranges of IPv6 the last of the first 65,536. */
  #hostPlace(range: Cidr): bigint {
    const size = sizeOf(range);
    return (size > 65536n && range.family === 6 ? 65536n : size) - 2n;
  }
}

/** A MAC of our own (locally administered), the same for a place of a network every time. */
export function macAt(config: Pick<NetworkConfig, "ipv4" | "ipv6">, place: bigint): string {
  const base = config.ipv4
    ? parseCidr(config.ipv4, 4).base >> 8n
    : parseCidr(config.ipv6!, 6).base >> 64n;
  const number = 0x02n << 40n | (base & 0xffffn) << 24n | (place & 0xffffffn);
  return number.toString(16).padStart(12, "0").match(/../g)!.join(":");
}
