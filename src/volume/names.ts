import { CtrError } from "../core/mod.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const LONGEST_NAME = 255;
const LONGEST_KEY = 128;
const LONGEST_LABEL = 4096;

/** On volumes that were made for one container and have no name that anybody chose. */
export const ANONYMOUS_LABEL = "com.apple.container.resource.anonymous";
/** Labels that ctr itself gives. */
const RESERVED = [
  ANONYMOUS_LABEL,
  "com.apple.container.resource.role",
  "com.apple.container.plugin",
];

/** @throws {CtrError} `usage`. */
export function checkName(name: string): void {
  if (name.length <= LONGEST_NAME && NAME.test(name)) return;
  const shown = name.length > 40 ? `${name.slice(0, 40)}…` : name;
  throw new CtrError(
    "usage",
    `cannot use the volume name "${shown}": want 1 to ${LONGEST_NAME} letters, digits, dots, dashes ` +
      "and underscores, a letter or digit first",
  );
}

/** 64 hexadecimal digits. */
export function anonymousName(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

export function isAnonymous(labels: Readonly<Record<string, string>>): boolean {
  return ANONYMOUS_LABEL in labels;
}

/** @throws {CtrError} `usage` for a label that is ctr's own, has no key, or is too long. */
export function checkLabels(labels: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(labels)) {
    const fact = key === ""
      ? "it has no key"
      : RESERVED.includes(key)
      ? "the key is ctr's own"
      : key.length > LONGEST_KEY
      ? `the key has ${key.length} characters, more than ${LONGEST_KEY}`
      : key.length + value.length + 1 > LONGEST_LABEL
      ? `it has more than ${LONGEST_LABEL} characters`
      : undefined;
    if (fact) throw new CtrError("usage", `cannot set the label "${key.slice(0, 60)}": ${fact}`);
  }
}

/** Labels that are ctr's own are not copied. */
export function withoutOurs(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => key !== ANONYMOUS_LABEL));
}
