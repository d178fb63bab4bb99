/** What people type for a reference: `docker.io/library/alpine:3` → `alpine:3`. */
export function familiarReference(reference: string): string {
  return reference.replace(/^docker\.io\//, "").replace(/^library\//, "");
}

/** Name and tag of a reference; a digest is not a tag. */
export function splitReference(reference: string): { name: string; tag: string } {
  const [named = ""] = familiarReference(reference).split("@");
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  return colon < 0
    ? { name: named, tag: "<none>" }
    : { name: named.slice(0, colon), tag: named.slice(colon + 1) };
}
