/** Keys of steps: what a step is made of, as text, and the digest of that. */
import { createHash } from "node:crypto";

/** Another number when what a step gives becomes something else by a change of this program. */
const GENERATION = 1;

/** @param parts JSON, fields in the order in which they are given. */
export function keyOf(kind: string, parts: Readonly<Record<string, unknown>>): string {
  return digestText(JSON.stringify([GENERATION, kind, parts]));
}

export function digestText(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
