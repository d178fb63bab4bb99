import { CtrError } from "../core/mod.ts";
import { checkEgress } from "./egress.ts";
import type { Egress, NetworkConfig } from "./types.ts";

export const DEFAULT_NETWORK = "default";
/** Tools that know Docker ask for this one. */
export const ALIASES: Readonly<Record<string, string>> = { bridge: DEFAULT_NETWORK };
/** The largest that an IP packet allows beside an Ethernet header in one frame of the switch. */
export const MTU = 65_520;
const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;
const RESERVED = new Set(["none", "host", "bridge"]);

export interface CreateNetwork {
  readonly name: string;
  readonly driver?: NetworkConfig["driver"] | undefined;
  /** CIDR, or `none`. */
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly mtu?: number | undefined;
  readonly internal?: boolean | undefined;
  readonly hostAccess?: boolean | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly egress?: Egress | undefined;
}

/** @throws {CtrError} `usage` for a name or a number that cannot be. */
export function checkCreate({ name, mtu = MTU, egress }: CreateNetwork): void {
  if (!NAME.test(name)) {
    throw new CtrError(
      "usage",
      `cannot make network "${name}": want 1 to 63 lower-case letters, digits, dots, dashes and ` +
        "underscores, a letter or digit at both ends",
    );
  }
  if (RESERVED.has(name)) {
    throw new CtrError("usage", `cannot make network "${name}": the name has a meaning already`);
  }
  if (!Number.isInteger(mtu) || mtu < 1280 || mtu > 65_535) {
    throw new CtrError(
      "usage",
      `cannot make network "${name}": an MTU of ${mtu}, want 1280 to 65535`,
    );
  }
  if (egress) checkEgress(egress);
}
