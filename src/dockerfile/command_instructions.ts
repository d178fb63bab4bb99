import { heredocWord } from "./heredoc.ts";
import { arrayOf, base, fail, Flags, type Statement } from "./statement.ts";
import type {
  CommandInstruction,
  CommandLine,
  HealthcheckInstruction,
  RunCommand,
  RunInstruction,
  ShellInstruction,
} from "./types.ts";

export function readRun(statement: Statement): RunInstruction {
  const flags = new Flags(statement, {
    mount: "list",
    network: "text",
    security: "text",
    device: "list",
  });
  return {
    ...base(statement),
    keyword: "RUN",
    command: runCommand(statement),
    mounts: flags.list("mount"),
    network: flags.word("network", ["default", "none", "host"]) ?? "default",
    security: flags.word("security", ["sandbox", "insecure"]) ?? "sandbox",
    devices: flags.list("device"),
  };
}

function runCommand(statement: Statement): RunCommand {
  const command = commandLine(statement);
  const [first] = statement.heredocs;
  if (command.form === "exec" || !first) {
    const empty = command.form === "exec" ? command.args.length === 0 : command.line === "";
    if (empty) throw fail(statement, "RUN has no command");
    return command;
  }
  if (heredocWord(statement.rest)) {
    return { form: "script", name: first.name, content: first.content };
  }
  return { form: "shell", line: command.line + statement.rawHeredocs };
}

export function readCommand(
  statement: Statement,
  keyword: CommandInstruction["keyword"],
): CommandInstruction {
  new Flags(statement, {});
  return { ...base(statement), keyword, command: commandLine(statement) };
}

export function readShell(statement: Statement): ShellInstruction {
  new Flags(statement, {});
  const { rest } = statement;
  const command = commandLine(statement);
  if (command.form === "exec" && command.args.length > 0) {
    return { ...base(statement), keyword: "SHELL", args: command.args };
  }
  const missing = rest === "" || command.form === "exec";
  throw fail(
    statement,
    missing ? "SHELL has no program" : "SHELL takes a JSON array",
    'for example: SHELL ["/bin/bash", "-c"]',
  );
}

/** A JSON array is run as it is; everything else is for the shell. */
function commandLine(statement: Statement, text = statement.rest): CommandLine {
  const args = arrayOf(statement, text);
  return args ? { form: "exec", args } : { form: "shell", line: text };
}

export function readHealthcheck(statement: Statement): HealthcheckInstruction {
  const [, type = "", text = ""] = /^(\S*)\s*([\s\S]*)$/.exec(statement.rest) ?? [];
  switch (type.toUpperCase()) {
    case "NONE":
      new Flags(statement, {});
      if (text !== "") throw fail(statement, "HEALTHCHECK NONE takes nothing else");
      return { ...base(statement), ...NO_TIMES, keyword: "HEALTHCHECK", command: undefined };
    case "CMD":
      return probe(statement, text);
    case "":
      throw fail(statement, "HEALTHCHECK has no command", "write HEALTHCHECK CMD … or NONE");
    default:
      throw fail(statement, `HEALTHCHECK "${type}" is neither CMD nor NONE`);
  }
}

const NO_TIMES = {
  intervalMs: undefined,
  timeoutMs: undefined,
  startPeriodMs: undefined,
  startIntervalMs: undefined,
  retries: undefined,
};

function probe(statement: Statement, text: string): HealthcheckInstruction {
  const flags = new Flags(statement, {
    interval: "text",
    timeout: "text",
    "start-period": "text",
    "start-interval": "text",
    retries: "text",
  });
  const command = commandLine(statement, text);
  if (command.form === "exec" ? command.args.length === 0 : command.line === "") {
    throw fail(statement, "HEALTHCHECK CMD has no command");
  }
  return {
    ...base(statement),
    keyword: "HEALTHCHECK",
    command,
    intervalMs: flags.read("interval", interval),
    timeoutMs: flags.read("timeout", interval),
    startPeriodMs: flags.read("start-period", interval),
    startIntervalMs: flags.read("start-interval", interval),
    retries: flags.read("retries", retries),
  };
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** As Go reads durations; undefined for 0, which is the default. */
function interval(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return undefined;
  if (!/^\+?((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(text)) {
    throw new Error(`is "${text}": want a time such as 30s or 1m30s`);
  }
  let ms = 0;
  for (const [, value, unit] of text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) {
    ms += Number(value) * UNIT_MS[unit!]!;
  }
  if (ms === 0) return undefined;
  if (ms < 1) throw new Error(`is "${text}": it cannot be less than 1ms`);
  return ms;
}

function retries(text: string): number {
  if (/^\+?\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`is "${text}": want a number that is not negative`);
}
