import { createHash } from "node:crypto";
import { CtrError } from "../core/mod.ts";

/** `sha256:` and 64 lower-case hexadecimal digits: the only algorithm that registries use. */
export type Digest = `sha256:${string}`;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** @throws {CtrError} `unsupported` for another algorithm, `bad-data` for anything else. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  const shown = text.slice(0, 100);
  if (/^[a-z0-9]+([+._-][a-z0-9]+)*:[0-9a-zA-Z=_-]+$/.test(text) && !text.startsWith("sha256:")) {
    throw new CtrError("unsupported", `cannot use the digest "${shown}": only sha256 is known`);
  }
  throw new CtrError("bad-data", `cannot read the digest "${shown}": want sha256:<64 hex digits>`);
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The 64 digits: a blob's and a layer disk's file name. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}

/**
 * The chain ID of every prefix of `diffIds`, bottom first.
 *
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.0/config.md#layer-chainid
 */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`));
  }
  return chain;
}
