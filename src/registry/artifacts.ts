import { CtrError } from "../core/mod.ts";
import {
  type Descriptor,
  type Digest,
  IndexSchema,
  MAX_MANIFEST_BYTES,
  MEDIA_TYPE,
  parseDocument,
} from "../oci/mod.ts";
import type { Session, SessionRequest } from "./session.ts";

/** More artifacts than anyone attaches to one image. */
const MAX_REFERRERS = 1000;
const MAX_PAGES = 20;

/** The tag under which registries without the referrers API keep what is attached. */
export function referrersTag(digest: Digest): string {
  return digest.replace(":", "-");
}

/**
 * Descriptors of what is attached to a manifest.
 *
 * @param repository `…/v2/NAME`.
 * @returns `fallback` true if the registry has no referrers API and the tag was read.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers
 */
export async function listReferrers(
  session: Session,
  repository: string,
  request: Omit<SessionRequest, "method" | "url">,
  digest: Digest,
): Promise<{ readonly fallback: boolean; readonly referrers: Descriptor[] }> {
  const found: Descriptor[] = [];
  let url: string | undefined = `${repository}/referrers/${digest}`;
  for (let page = 0; url !== undefined && page < MAX_PAGES; page++) {
    const answer = await session.request(
      { ...request, url, method: "GET", headers: { accept: MEDIA_TYPE.index } },
      (status) => status === 404 || status === 405 || status === 400,
    );
    if (!answer.ok) {
      await answer.drain();
      if (page > 0) break;
      const referrers = await fallbackReferrers(session, repository, request, digest);
      return { fallback: true, referrers };
    }
    const bytes = await answer.bytes(MAX_MANIFEST_BYTES);
    add(found, bytes, request.subject);
    url = nextPage(answer.headers.get("link"), url);
  }
  return { fallback: false, referrers: found };
}

async function fallbackReferrers(
  session: Session,
  repository: string,
  request: Omit<SessionRequest, "method" | "url">,
  digest: Digest,
): Promise<Descriptor[]> {
  const answer = await session.request({
    ...request,
    url: `${repository}/manifests/${referrersTag(digest)}`,
    method: "GET",
    headers: { accept: MEDIA_TYPE.index },
  }, (status) => status === 404);
  if (!answer.ok) {
    await answer.drain();
    return [];
  }
  const found: Descriptor[] = [];
  add(found, await answer.bytes(MAX_MANIFEST_BYTES), request.subject);
  return found;
}

function add(
  found: Descriptor[],
  bytes: Uint8Array,
  { action, host }: SessionRequest["subject"],
): void {
  const what = `the list of what is attached, from ${host}`;
  for (const entry of parseDocument(bytes, IndexSchema, what, MAX_MANIFEST_BYTES).manifests) {
    if (found.some(({ digest }) => digest === entry.digest)) continue;
    if (found.length >= MAX_REFERRERS) {
      throw new CtrError(
        "too-large",
        `${action}: the registry ${host} lists more than ${MAX_REFERRERS} attached artifacts`,
      );
    }
    found.push(entry);
  }
}

/** Follows `Link: <…>; rel="next"`, on the same host alone. */
export function nextPage(link: string | null, from: string): string | undefined {
  const target = /<([^>]+)>\s*;[^,]*rel="?next"?/i.exec(link ?? "")?.[1];
  const url = target === undefined ? null : URL.parse(target, from);
  return url && url.origin === new URL(from).origin ? url.href : undefined;
}
