import type { EngineEvent } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";

type Test = (event: EngineEvent, value: string) => boolean;

const TESTS: Readonly<Record<string, Test>> = {
  type: (event, value) => event.type === value,
  event: (event, value) => event.action === value || fullAction(event) === value,
  action: (event, value) => TESTS.event!(event, value),
  container: (event, value) => event.type === "container" && isNamed(event, value),
  volume: (event, value) => event.type === "volume" && isNamed(event, value),
  network: (event, value) => event.type === "network" && isNamed(event, value),
  image: (event, value) => imagesOf(event).some((image) => image !== "" && isImage(image, value)),
  label: ({ attributes }, value) => {
    const equals = value.indexOf("=");
    if (equals < 0) return Object.hasOwn(attributes, value);
    return attributes[value.slice(0, equals)] === value.slice(equals + 1);
  },
};

/**
 * Reads filters as Docker's: what is told of one key is alternatives, different keys all hold.
 *
 * @param texts `key=value` each.
 * @throws {CtrError} `usage` for an unknown key.
 */
export function eventFilter(texts: readonly string[]): (event: EngineEvent) => boolean {
  const byKey = new Map<string, string[]>();
  for (const text of texts) {
    const equals = text.indexOf("=");
    const key = equals < 0 ? text : text.slice(0, equals);
    if (equals < 0 || !Object.hasOwn(TESTS, key)) {
      throw new CtrError("usage", `cannot use the filter "${text}": want one of ${known()}`);
    }
    byKey.set(key, [...byKey.get(key) ?? [], text.slice(equals + 1)]);
  }
  return (event) =>
    [...byKey].every(([key, values]) => values.some((value) => TESTS[key]!(event, value)));
}

function known(): string {
  return Object.keys(TESTS).map((key) => `${key}=…`).join(", ");
}

/** As Docker writes it: `health_status: healthy`. */
function fullAction({ action, attributes }: EngineEvent): string {
  const state = attributes[action];
  return state === undefined ? action : `${action}: ${state}`;
}

function isNamed({ id, name }: EngineEvent, value: string): boolean {
  return name === value || id === value || (/^[0-9a-f]{4,}$/.test(value) && id.startsWith(value));
}

function imagesOf({ type, id, name, attributes }: EngineEvent): string[] {
  return type === "image" ? [id, name] : [attributes.image ?? ""];
}

/** `busybox` means `docker.io/library/busybox:latest` as well as every other tag of it. */
function isImage(reference: string, value: string): boolean {
  const short = reference.replace(/^docker\.io\/(library\/)?/, "");
  const untagged = (text: string) => text.replace(/@.*$/, "").replace(/:[^:/]*$/, "");
  return [reference, short, untagged(reference), untagged(short)].includes(value);
}
