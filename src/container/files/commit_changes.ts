import { CtrError, parseDurationMs } from "../../core/mod.ts";
import type { HealthcheckDocument, ProcessDocument } from "./commit_config.ts";
import { splitWords } from "./split_words.ts";

interface ChangeState {
  /** A CMD among the changes survives an ENTRYPOINT behind it; the image's does not. */
  commandGiven: boolean;
}

type Apply = (process: ProcessDocument, rest: string, state: ChangeState, fail: Fail) => void;
type Fail = (fact: string) => CtrError;

/**
 * Applies one instruction of a Dockerfile to an image's configuration.
 *
 * @throws {CtrError} `usage` if it is none that changes the configuration, or cannot be read.
 */
export function applyChange(process: ProcessDocument, change: string, state: ChangeState): void {
  const [, name = "", rest = ""] = /^\s*([A-Za-z]+)(?:\s+([\s\S]*?))?\s*$/.exec(change) ?? [];
  const fail: Fail = (fact) => new CtrError("usage", `cannot apply "${change}": ${fact}`);
  const apply = APPLY.get(name.toUpperCase());
  if (!apply) {
    const hint = `use one of ${[...APPLY.keys()].join(", ")}`;
    throw new CtrError("usage", `cannot apply "${change}": it is no change of a configuration`, {
      hint,
    });
  }
  if (rest === "") throw fail(`${name.toUpperCase()} wants an argument`);
  apply(process, rest, state, fail);
}

const APPLY: ReadonlyMap<string, Apply> = new Map<string, Apply>([
  ["CMD", (process, rest, state) => {
    process.Cmd = commandLine(process, rest);
    state.commandGiven = true;
  }],
  ["ENTRYPOINT", (process, rest, state) => {
    const words = commandLine(process, rest);
    process.Entrypoint = words.length > 0 ? words : null;
    if (!state.commandGiven) process.Cmd = null;
  }],
  ["ENV", (process, rest, _state, fail) => {
    const env = new Map((process.Env ?? []).map((each) => [each.split("=", 1)[0]!, each]));
    for (const [key, value] of pairs(rest, fail)) env.set(key, `${key}=${value}`);
    process.Env = [...env.values()];
  }],
  ["LABEL", (process, rest, _state, fail) => {
    process.Labels = { ...process.Labels, ...Object.fromEntries(pairs(rest, fail)) };
  }],
  ["EXPOSE", (process, rest, _state, fail) => {
    const ports = words(rest, fail).flatMap((word) => portsOf(word, fail));
    process.ExposedPorts = { ...process.ExposedPorts, ...setOf(ports) };
  }],
  ["VOLUME", (process, rest, _state, fail) => {
    const paths = jsonWords(rest) ?? words(rest, fail);
    if (paths.includes("")) throw fail("a path is empty");
    process.Volumes = { ...process.Volumes, ...setOf(paths) };
  }],
  ["USER", (process, rest, _state, fail) => process.User = one(rest, fail)],
  ["WORKDIR", (process, rest, _state, fail) => {
    process.WorkingDir = resolvePath(process.WorkingDir || "/", one(rest, fail));
  }],
  ["STOPSIGNAL", (process, rest, _state, fail) => process.StopSignal = one(rest, fail)],
  ["SHELL", (process, rest, _state, fail) => {
    const shell = jsonWords(rest);
    if (!shell || shell.length === 0) throw fail('SHELL wants a list such as ["/bin/sh", "-c"]');
    process.Shell = shell;
  }],
  ["HEALTHCHECK", (process, rest, _state, fail) => process.Healthcheck = healthcheck(rest, fail)],
  ["ONBUILD", (process, rest) => process.OnBuild = [...process.OnBuild ?? [], rest]],
]);

/** A list as JSON, or a line for the shell. */
function commandLine(process: ProcessDocument, rest: string): string[] {
  return jsonWords(rest) ?? [...process.Shell ?? ["/bin/sh", "-c"], rest];
}

function jsonWords(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const sound = Array.isArray(value) && value.every((each) => typeof each === "string");
    return sound ? value : undefined;
  } catch {
    return undefined; // as in a Dockerfile, what is no list is a line for the shell
  }
}

/** `k=v k2="v 2"`, or the old `k the rest`. */
function pairs(rest: string, fail: Fail): [string, string][] {
  const [first = ""] = /^\S+/.exec(rest) ?? [];
  if (!first.includes("=")) {
    const value = rest.slice(first.length).trim();
    if (value === "") throw fail(`"${first}" has no value`);
    return [[first, value]];
  }
  return words(rest, fail).map((word) => {
    const equals = word.indexOf("=");
    if (equals <= 0) throw fail(`"${word}" is not name=value`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function words(rest: string, fail: Fail): string[] {
  const found = splitWords(rest);
  if (!found) throw fail("a quote is not closed");
  return found;
}

function one(rest: string, fail: Fail): string {
  const found = words(rest, fail);
  if (found.length !== 1 || found[0] === "") throw fail("it wants exactly one argument");
  return found[0]!;
}

function portsOf(word: string, fail: Fail): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (!match || first < 1 || last > 65_535 || last < first) throw fail(`"${word}" is no port`);
  const protocol = match[3]?.toLowerCase() ?? "tcp";
  return Array.from({ length: last - first + 1 }, (_, at) => `${first + at}/${protocol}`);
}

function healthcheck(rest: string, fail: Fail): HealthcheckDocument {
  const made: HealthcheckDocument = {};
  let left = rest;
  for (let flag; (flag = /^--([a-z-]+)=(\S+)\s*/.exec(left)); left = left.slice(flag[0].length)) {
    const [, name = "", value = ""] = flag;
    const field = TIMES[name];
    if (field) made[field] = parseDurationMs(value) * 1e6;
    else if (name === "retries" && /^\d{1,9}$/.test(value)) made.Retries = Number(value);
    else throw fail(`"--${name}=${value}" cannot be used`);
  }
  if (left.toUpperCase() === "NONE") return { Test: ["NONE"] };
  const command = /^CMD\s+([\s\S]+)$/i.exec(left)?.[1];
  if (command === undefined) throw fail("HEALTHCHECK wants NONE, or CMD and a command");
  const list = jsonWords(command);
  return { ...made, Test: list ? ["CMD", ...list] : ["CMD-SHELL", command] };
}

const TIMES: Readonly<Record<string, Exclude<keyof HealthcheckDocument, "Test" | "Retries">>> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
};

function setOf(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

function resolvePath(from: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${from}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
