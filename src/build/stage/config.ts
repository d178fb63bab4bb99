/** The configuration of an image in the making, under the names that Go programs write. */
import { posix } from "node:path";
import { CtrError } from "../../core/mod.ts";
import type { CommandLine, StageInstruction } from "../../dockerfile/mod.ts";

/** The `config` object of an image's configuration. Fields that nobody here knows are kept. */
export type ConfigObject = Readonly<Record<string, unknown>>;

/** `NAME=value`, in order. */
export function environmentOf(config: ConfigObject): string[] {
  return texts(config["Env"]);
}

export function shellOf(config: ConfigObject): string[] {
  const shell = texts(config["Shell"]);
  return shell.length > 0 ? shell : ["/bin/sh", "-c"];
}

export function workdirOf(config: ConfigObject): string {
  const path = config["WorkingDir"];
  return typeof path === "string" && path.startsWith("/") ? path : "/";
}

export function userOf(config: ConfigObject): string {
  return typeof config["User"] === "string" ? config["User"] : "";
}

export function triggersOf(config: ConfigObject): string[] {
  return texts(config["OnBuild"]);
}

export function labelsOf(config: ConfigObject): Readonly<Record<string, string>> {
  return record(config["Labels"]) as Record<string, string>;
}

export function withEnvironment(config: ConfigObject, name: string, value: string): ConfigObject {
  const before = environmentOf(config);
  const entry = `${name}=${value}`;
  const at = before.findIndex((each) => each.startsWith(`${name}=`));
  const env = at < 0 ? [...before, entry] : before.with(at, entry);
  return { ...config, Env: env };
}

export function withLabels(
  config: ConfigObject,
  labels: Readonly<Record<string, string>>,
): ConfigObject {
  if (Object.keys(labels).length === 0) return config;
  return { ...config, Labels: { ...record(config["Labels"]), ...labels } };
}

/** An absolute path, clean. @param path As WORKDIR and destinations give it. */
export function absolute(config: ConfigObject, path: string): string {
  return posix.resolve(workdirOf(config), path);
}

/**
 * Applies an instruction that changes nothing but the configuration; its variables are expanded.
 *
 * @param own What the stage itself has said already, and the base has not.
 * @throws {CtrError} `bad-data`.
 */
export function configured(
  config: ConfigObject,
  instruction: StageInstruction,
  own: { cmd: boolean },
): ConfigObject {
  switch (instruction.keyword) {
    case "ENV":
      return instruction.pairs.reduce(
        (all, { key, value }) => withEnvironment(all, key, value),
        config,
      );
    case "LABEL":
      return withLabels(
        config,
        Object.fromEntries(instruction.pairs.map(({ key, value }) => [key, value])),
      );
    case "CMD":
      own.cmd = true;
      return { ...config, Cmd: commandOf(config, instruction.command), ArgsEscaped: undefined };
    case "ENTRYPOINT":
      return {
        ...config,
        Entrypoint: commandOf(config, instruction.command),
        // The base's arguments were meant for the base's program.
        ...(!own.cmd && { Cmd: undefined }),
      };
    case "SHELL":
      return { ...config, Shell: instruction.args };
    case "USER":
      return { ...config, User: instruction.value };
    case "WORKDIR":
      return { ...config, WorkingDir: absolute(config, instruction.value) };
    case "STOPSIGNAL":
      return { ...config, StopSignal: instruction.value };
    case "EXPOSE":
      return {
        ...config,
        ExposedPorts: {
          ...record(config["ExposedPorts"]),
          ...set(instruction.values.flatMap(ports)),
        },
      };
    case "VOLUME":
      return {
        ...config,
        Volumes: { ...record(config["Volumes"]), ...set(instruction.values) },
      };
    case "ONBUILD":
      return { ...config, OnBuild: [...triggersOf(config), instruction.trigger] };
    case "HEALTHCHECK":
      return { ...config, Healthcheck: healthcheck(instruction) };
    default:
      return config;
  }
}

function commandOf(config: ConfigObject, command: CommandLine): readonly string[] {
  return command.form === "exec" ? command.args : [...shellOf(config), command.line];
}

type Healthcheck = Extract<StageInstruction, { readonly keyword: "HEALTHCHECK" }>;

function healthcheck(instruction: Healthcheck): ConfigObject {
  const { command, intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries } = instruction;
  if (command === undefined) return { Test: ["NONE"] };
  const ns = (ms: number | undefined) => ms === undefined ? undefined : Math.round(ms * 1e6);
  const test = command.form === "exec" ? ["CMD", ...command.args] : ["CMD-SHELL", command.line];
  return defined({
    Test: test,
    Interval: ns(intervalMs),
    Timeout: ns(timeoutMs),
    StartPeriod: ns(startPeriodMs),
    StartInterval: ns(startIntervalMs),
    Retries: retries,
  });
}

/** `80`, `80/udp`, `8000-8002`: each port by itself. */
function ports(text: string): string[] {
  const [, first = "", last = first, protocol = "tcp"] =
    /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(\w+))?$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  const known = ["tcp", "udp", "sctp"].includes(protocol.toLowerCase());
  if (first === "" || !known || to > 65_535 || from > to) {
    throw new CtrError("bad-data", `cannot expose "${text}": want PORT[-PORT][/tcp|/udp|/sctp]`);
  }
  return Array.from(
    { length: to - from + 1 },
    (_, at) => `${from + at}/${protocol.toLowerCase()}`,
  );
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : {};
}

function set(names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** Without fields that are undefined. */
export function defined(object: ConfigObject): ConfigObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
