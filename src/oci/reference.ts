import { CtrError } from "../core/mod.ts";
import { type Digest, isDigest } from "./digest.ts";

/** What users type for an image, with nothing left to guess. */
export interface Reference {
  /** Registry host with its port, for example `docker.io` or `localhost:5000`. */
  readonly domain: string;
  /** Repository without the domain, for example `library/alpine`. */
  readonly path: string;
  /** Absent only beside a digest. */
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

export const DEFAULT_DOMAIN = "docker.io";
const DEFAULT_TAG = "latest";
const MAX_NAME = 255;

const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const DOMAIN = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:.]+\\])(?::[0-9]{1,5})?$`);
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/**
 * Reads a reference: `alpine`, `alpine:3.20`, `ghcr.io/a/b@sha256:…`, `localhost:5000/x`.
 *
 * The first part is a host if it has a dot, a colon or a capital, or is `localhost`; otherwise it
 * belongs to the repository. `docker.io` adds `library/` to names of one part.
 *
 * @throws {CtrError} `usage`, saying which part is wrong.
 * @see https://github.com/distribution/reference
 */
export function parseReference(
  text: string,
  options: { readonly defaultDomain?: string } = {},
): Reference {
  const fail = (why: string) =>
    new CtrError("usage", `cannot read the image reference "${text.slice(0, 120)}": ${why}`);
  if (text === "") throw fail("it is empty");
  if (/^[0-9a-f]{64}$/.test(text)) throw fail("64 hex digits are an image ID, not a name");

  const at = text.indexOf("@");
  const digestText = at < 0 ? undefined : text.slice(at + 1);
  if (digestText !== undefined && !isDigest(digestText)) {
    throw fail("after the @ it wants sha256:<64 hex digits>");
  }
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  // A bracket means that the colon is inside an IPv6 host, which a repository has to follow.
  const name = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) {
    throw fail(
      tag === "" ? "the tag is empty" : "a tag has at most 128 letters, digits, _, . and -",
    );
  }

  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const isHost = first !== "" && (/[.:[]/.test(first) || first === "localhost" ||
    first.toLowerCase() !== first);
  let domain = isHost ? first : options.defaultDomain ?? DEFAULT_DOMAIN;
  let path = isHost ? name.slice(slash + 1) : name;
  if (!DOMAIN.test(domain)) throw fail(`"${domain}" is not a host`);
  if (domain === "index.docker.io") domain = DEFAULT_DOMAIN;
  if (path === "") throw fail("the repository is missing");
  if (path.toLowerCase() !== path) throw fail("repository names are lower case");
  for (const component of path.split("/")) {
    if (component === "") throw fail("a part between slashes is empty");
    if (!COMPONENT.test(component)) {
      throw fail("repository names have lower-case letters and digits, separated by ., _, __ or -");
    }
  }
  if (domain === DEFAULT_DOMAIN && !path.includes("/")) path = `library/${path}`;
  if (domain.length + 1 + path.length > MAX_NAME) {
    throw fail(`it has more than ${MAX_NAME} characters`);
  }
  return {
    domain,
    path,
    tag: tag ?? (digestText === undefined ? DEFAULT_TAG : undefined),
    digest: digestText,
  };
}

/** Everything spelled out: `docker.io/library/alpine:latest`. The name under which it is kept. */
export function formatReference(reference: Reference): string {
  return `${reference.domain}/${reference.path}${suffix(reference)}`;
}

/** What tables show: `alpine:3.20`, with the default host and `library/` left out. */
export function familiarReference(
  reference: Reference,
  options: { readonly defaultDomain?: string } = {},
): string {
  return `${familiarName(reference, options)}${suffix(reference)}`;
}

/** `alpine`: the name column. */
export function familiarName(
  reference: Reference,
  options: { readonly defaultDomain?: string } = {},
): string {
  const { domain, path } = reference;
  const single = path.startsWith("library/") && !path.slice(8).includes("/");
  const short = domain === DEFAULT_DOMAIN && single ? path.slice(8) : path;
  return domain === (options.defaultDomain ?? DEFAULT_DOMAIN) && parses(short, options, reference)
    ? short
    : `${domain}/${short}`;
}

/** The short form must lead back: `docker.io/localhost/x` may not lose its host. */
function parses(
  name: string,
  options: { readonly defaultDomain?: string },
  whole: Reference,
): boolean {
  try {
    const again = parseReference(name, options);
    return again.domain === whole.domain && again.path === whole.path;
  } catch {
    return false;
  }
}

function suffix(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  return reference.digest === undefined ? tag : `${tag}@${reference.digest}`;
}
