import { CtrError } from "../core/mod.ts";

/** Where an image runs. `variant` is absent where the architecture's usual one is meant. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

const ARCHITECTURES: Readonly<Record<string, readonly [string, string?]>> = {
  "x86_64": ["amd64"],
  "x86-64": ["amd64"],
  "i386": ["386"],
  "i686": ["386"],
  "aarch64": ["arm64"],
  "armhf": ["arm", "v7"],
  "armel": ["arm", "v6"],
};

/** The variants that `wanted` may run, best first. Absent means that any will do. */
const RUNS: Readonly<Record<string, readonly string[]>> = {
  "arm/v8": ["v8", "v7", "v6", "v5"],
  "arm/v7": ["v7", "v6", "v5"],
  "arm/v6": ["v6", "v5"],
  "arm/v5": ["v5"],
  "arm64/v8": ["v8"],
  "arm64/v9": ["v9", "v8"],
  "amd64/v1": ["v1"],
  "amd64/v2": ["v2", "v1"],
  "amd64/v3": ["v3", "v2", "v1"],
  "amd64/v4": ["v4", "v3", "v2", "v1"],
};

const USUAL: Readonly<Record<string, string>> = { arm: "v7", arm64: "v8", amd64: "v1" };

/**
 * Reads `os/arch[/variant]` or a bare architecture, with the usual aliases (`aarch64`, `x86_64`).
 *
 * @throws {CtrError} `usage` if `text` is none of these.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  if (parts.length > 3 || !parts.every((part) => /^[A-Za-z0-9_.-]{1,64}$/.test(part))) {
    throw new CtrError(
      "usage",
      `cannot read the platform "${
        text.slice(0, 100)
      }": want os/arch[/variant], for example linux/arm64`,
    );
  }
  const [first, second, variant] = parts;
  return second === undefined
    ? normalizePlatform({ os: "linux", architecture: first! })
    : normalizePlatform({ os: first!, architecture: second, variant });
}

/** Lower case, aliases resolved, and the usual variant left out: `linux/arm64/v8` is `linux/arm64`. */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === "macos" ? "darwin" : platform.os.toLowerCase();
  const named = platform.architecture.toLowerCase();
  const [architecture, implied] = ARCHITECTURES[named] ?? [named];
  const raw = platform.variant?.toLowerCase() || implied;
  const variant = raw !== undefined && /^\d+$/.test(raw) ? `v${raw}` : raw;
  const redundant = variant === undefined ||
    (architecture !== "arm" && variant === USUAL[architecture]);
  return redundant ? { os, architecture } : { os, architecture, variant };
}

/** `linux/arm64`, `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = normalizePlatform(platform);
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

export function samePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(withVariant(a)) === formatPlatform(withVariant(b));
}

/** The Linux platform of guests on a host whose `Deno.build.arch` is `arch`. */
export function linuxPlatform(arch: string): Platform {
  return normalizePlatform({ os: "linux", architecture: arch });
}

function withVariant(platform: Platform) {
  const { os, architecture, variant } = normalizePlatform(platform);
  return { os, architecture, variant: variant ?? USUAL[architecture] ?? "" };
}

/**
 * The entry that suits `wanted` best: the same variant, else the newest older one.
 *
 * @returns Undefined if none runs on `wanted`.
 */
export function choosePlatform<T extends { readonly platform?: Platform | undefined }>(
  entries: readonly T[],
  wanted: Platform,
): T | undefined {
  const want = withVariant(wanted);
  const ranking = RUNS[`${want.architecture}/${want.variant}`] ?? [want.variant];
  let best: T | undefined;
  let bestRank = Infinity;
  for (const entry of entries) {
    if (!entry.platform) continue;
    const has = withVariant(entry.platform);
    if (has.os !== want.os || has.architecture !== want.architecture) continue;
    const rank = ranking.indexOf(has.variant);
    if (rank >= 0 && rank < bestRank) [best, bestRank] = [entry, rank];
  }
  return best;
}
