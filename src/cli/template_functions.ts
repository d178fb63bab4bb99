import { compactJson } from "./json.ts";
import { bad } from "./template_parse.ts";

type Call = (...values: readonly unknown[]) => unknown;

/** Values as Go prints them: `[a b]`, `map[k:v]`; what is not there is `<no value>`. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(shown).join(" ")}]`;
  if (typeof value === "object") {
    const entries = Object.entries(value).filter(([, each]) => each !== undefined)
      .toSorted(([a], [b]) => a < b ? -1 : 1);
    return `map[${entries.map(([key, each]) => `${key}:${shown(each)}`).join(" ")}]`;
  }
  return String(value);
}

/** What counts as false: nothing, zero, and what is empty. */
export function truthy(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Go's and docker's. `and` and `or` have their arguments evaluated by then: nothing has effects. */
export const FUNCTIONS: Readonly<Record<string, Call>> = {
  json: (value) => compactJson(value) ?? "null",
  join: (list, separator) => items("join", list).map(shown).join(shown(separator)),
  split: (text, separator) => shown(text).split(shown(separator)),
  upper: (text) => shown(text).toUpperCase(),
  lower: (text) => shown(text).toLowerCase(),
  title: (text) => shown(text).replace(/\b\p{L}/gu, (letter) => letter.toUpperCase()),
  pad: (text, before, after) =>
    `${" ".repeat(bounded(before))}${shown(text)}${" ".repeat(bounded(after))}`,
  truncate: (text, length) => [...shown(text)].slice(0, bounded(length)).join(""),
  print: (...values) => values.map(shown).join(""),
  println: (...values) => `${values.map(shown).join(" ")}\n`,
  printf: (format, ...values) => formatted(shown(format), values),
  len: (value) => length(value),
  index: (value, ...keys) => keys.reduce(element, value),
  slice: (value, from = 0, to = undefined) => {
    const end = to === undefined ? undefined : Number(to);
    return typeof value === "string"
      ? value.slice(Number(from), end)
      : items("slice", value).slice(Number(from), end);
  },
  eq: (value, ...others) => others.some((other) => same(value, other)),
  ne: (a, b) => !same(a, b),
  lt: (a, b) => order("lt", a, b) < 0,
  le: (a, b) => order("le", a, b) <= 0,
  gt: (a, b) => order("gt", a, b) > 0,
  ge: (a, b) => order("ge", a, b) >= 0,
  and: (...values) => values.find((value) => !truthy(value)) ?? values.at(-1),
  or: (...values) => values.find(truthy) ?? values.at(-1),
  not: (value) => !truthy(value),
};

function items(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value === undefined || value === null) return [];
  throw bad(`"${name}" wants a list`);
}

function bounded(value: unknown): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0 && number <= 4096) return number;
  throw bad(`${shown(value)} is no whole number up to 4096`);
}

function length(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  if (typeof value === "object") return Object.keys(value).length;
  throw bad(`${shown(value)} has no length`);
}

function element(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    const at = Number(key);
    if (Number.isInteger(at) && at >= 0 && at < value.length) return value[at];
    throw bad(`there is no element ${shown(key)} in a list of ${value.length}`);
  }
  if (typeof value !== "object" || value === null) return undefined;
  return Object.hasOwn(value, shown(key))
    ? (value as Record<string, unknown>)[shown(key)]
    : undefined;
}

function same(a: unknown, b: unknown): boolean {
  return a === b || shown(a) === shown(b);
}

function order(name: string, a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  throw bad(`"${name}" cannot compare ${shown(a)} and ${shown(b)}`);
}

/** The verbs of `fmt` that make sense for what JSON holds. */
function formatted(format: string, values: readonly unknown[]): string {
  const rest = [...values];
  return format.replaceAll(
    /%([-0+ ]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (rest.length === 0) throw bad(`"printf" has no value for %${verb}`);
      const text = verbed(verb, precision, rest.shift());
      const size = Math.min(Number(width), 4096);
      if (flags.includes("-")) return text.padEnd(size);
      return text.padStart(size, flags.includes("0") ? "0" : " ");
    },
  );
}

function verbed(verb: string, precision: string | undefined, value: unknown): string {
  switch (verb) {
    case "s":
    case "v":
      return precision === undefined ? shown(value) : shown(value).slice(0, Number(precision));
    case "q":
      return JSON.stringify(shown(value));
    case "d":
    case "t":
      return shown(value);
    case "f":
      return Number(value).toFixed(Math.min(Number(precision ?? 6), 20));
    case "x":
      return Number(value).toString(16);
    default:
      throw bad(`"printf" does not know %${verb}`);
  }
}
