import { CtrError } from "../core/mod.ts";

/** The `config` object of an image configuration, under the names that Go programs write. */
export type ProcessDocument = Record<string, unknown>;

/**
 * Applies instructions of a Dockerfile that change nothing but the configuration, as `import` and
 * `commit` take them: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL,
 * USER, VOLUME, WORKDIR.
 *
 * @returns A new object.
 * @throws {CtrError} `usage` for everything else.
 */
export function applyChanges(
  config: Readonly<ProcessDocument>,
  changes: readonly string[],
): ProcessDocument {
  return changes.reduce<ProcessDocument>((before, change) => {
    const [, word = "", rest = ""] = /^\s*(\S+)\s*([\s\S]*)$/.exec(change) ?? [];
    const apply = INSTRUCTIONS[word.toUpperCase()];
    if (!apply || !Object.hasOwn(INSTRUCTIONS, word.toUpperCase())) {
      throw refusal(change, `want one of ${Object.keys(INSTRUCTIONS).join(", ")}`);
    }
    return { ...before, ...apply(rest.trim(), before, change) };
  }, { ...config });
}

type Instruction = (
  rest: string,
  before: Readonly<ProcessDocument>,
  change: string,
) => ProcessDocument;

const INSTRUCTIONS: Readonly<Record<string, Instruction>> = {
  CMD: (rest, before) => ({ Cmd: command(rest, before) }),
  ENTRYPOINT: (rest, before) => ({ Entrypoint: command(rest, before) }),
  ENV: (rest, before, change) => ({
    Env: Object.entries(pairs(rest, change)).reduce(
      (all, [name, value]) => [
        ...all.filter((each) => !each.startsWith(`${name}=`)),
        `${name}=${value}`,
      ],
      texts(before["Env"]),
    ),
  }),
  LABEL: (rest, before, change) => ({
    Labels: { ...object(before["Labels"]), ...pairs(rest, change) },
  }),
  EXPOSE: (rest, before, change) => ({
    ExposedPorts: { ...object(before["ExposedPorts"]), ...set(ports(rest, change)) },
  }),
  VOLUME: (rest, before, change) => {
    const paths = list(rest) ?? words(rest, change);
    if (paths.length === 0) throw refusal(change, "a path is missing");
    return { Volumes: { ...object(before["Volumes"]), ...set(paths) } };
  },
  USER: (rest, _before, change) => ({ User: one(rest, change) }),
  WORKDIR: (rest, before, change) => {
    const path = one(rest, change);
    const from = typeof before["WorkingDir"] === "string" ? before["WorkingDir"] : "";
    return { WorkingDir: path.startsWith("/") ? path : `${from.replace(/\/$/, "")}/${path}` };
  },
  STOPSIGNAL: (rest, _before, change) => ({ StopSignal: one(rest, change) }),
  ONBUILD: (rest, before, change) => {
    if (rest === "") throw refusal(change, "an instruction is missing");
    return { OnBuild: [...texts(before["OnBuild"]), rest] };
  },
  SHELL: (rest, _before, change) => {
    const words = list(rest);
    if (!words || words.length === 0) throw refusal(change, 'want a list, as ["/bin/sh", "-c"]');
    return { Shell: words };
  },
  HEALTHCHECK: (rest, _before, change) => ({ Healthcheck: healthcheck(rest, change) }),
};

/** `["a", "b"]` as it is; anything else is for the shell. */
function command(rest: string, before: Readonly<ProcessDocument>): string[] {
  const listed = list(rest);
  if (listed) return listed;
  const shell = texts(before["Shell"]);
  return rest === "" ? [] : [...shell.length > 0 ? shell : ["/bin/sh", "-c"], rest];
}

function list(rest: string): string[] | undefined {
  if (!rest.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(rest);
    const isList = Array.isArray(value) && value.every((each) => typeof each === "string");
    return isList ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `a=b "c"='d e'`, or Docker's old form `name the rest`. */
function pairs(rest: string, change: string): Record<string, string> {
  const all = words(rest, change);
  const found: Record<string, string> = {};
  if (all.length > 1 && !all[0]!.includes("=")) {
    return { [all[0]!]: rest.replace(/^\S+\s+/, "") };
  }
  for (const word of all) {
    const equals = word.indexOf("=");
    if (equals <= 0) throw refusal(change, "want NAME=VALUE");
    found[word.slice(0, equals)] = word.slice(equals + 1);
  }
  if (all.length === 0) throw refusal(change, "want NAME=VALUE");
  return found;
}

function ports(rest: string, change: string): string[] {
  const found = words(rest, change).map((word) => word.includes("/") ? word : `${word}/tcp`);
  const bad = found.find((port) => !/^\d{1,5}(-\d{1,5})?\/(tcp|udp|sctp)$/.test(port));
  if (bad !== undefined || found.length === 0) throw refusal(change, "want PORT[/tcp|/udp]");
  return found;
}

const NANOSECONDS: Readonly<Record<string, number>> = { ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
const HEALTH_FLAGS: Readonly<Record<string, string>> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
};

function healthcheck(rest: string, change: string): ProcessDocument {
  if (rest.toUpperCase() === "NONE") return { Test: ["NONE"] };
  const health: ProcessDocument = {};
  let left = rest;
  for (let flag; (flag = /^--([a-z-]+)=(\S+)\s+/.exec(left)); left = left.slice(flag[0].length)) {
    const [, name = "", value = ""] = flag;
    const duration = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value);
    const field = HEALTH_FLAGS[name];
    if (name === "retries" && /^\d+$/.test(value)) health["Retries"] = Number(value);
    else if (field && duration) {
      health[field] = Number(duration[1]) * NANOSECONDS[duration[2]!]!;
    } else throw refusal(change, `"--${name}=${value}" is not known`);
  }
  const [, what = "", test = ""] = /^(\S+)\s+([\s\S]+)$/.exec(left) ?? [];
  if (what.toUpperCase() !== "CMD") throw refusal(change, "want CMD or NONE");
  const listed = list(test);
  return { ...health, Test: listed ? ["CMD", ...listed] : ["CMD-SHELL", test] };
}

function one(rest: string, change: string): string {
  const [word, ...more] = words(rest, change);
  if (word === undefined || more.length > 0) throw refusal(change, "want one word");
  return word;
}

/** Words as a shell parts them: quotes and backslashes, nothing else. */
function words(text: string, change: string): string[] {
  const found: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quote === "" && /\s/.test(char)) {
      if (word !== undefined) found.push(word);
      word = undefined;
      continue;
    }
    word ??= "";
    if (char === quote) quote = "";
    else if (quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === "\\" && quote !== "'" && at + 1 < text.length) word += text[++at]!;
    else word += char;
  }
  if (quote !== "") throw refusal(change, "a quote is not closed");
  if (word !== undefined) found.push(word);
  return found;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function set(names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

function refusal(change: string, why: string): CtrError {
  return new CtrError("usage", `cannot apply the change "${change.slice(0, 100)}": ${why}`);
}
