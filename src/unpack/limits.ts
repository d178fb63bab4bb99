/** What a layer may cost by default: far above what anyone ships, far below what would hurt. */
import type { Limits } from "./protocol.ts";
import type { UnpackLimits } from "./types.ts";

const DEFAULTS: Limits = {
  maxEntries: 4 << 20,
  maxUncompressedBytes: 64 * 2 ** 30,
  maxContentBytes: 2 ** 40,
  maxDevices: 65_536,
};

export function withDefaults(limits: UnpackLimits = {}): Limits {
  return { ...DEFAULTS, ...limits };
}
