import type { TopProcess } from "../api/mod.ts";
import { usage } from "./errors.ts";

interface Column {
  readonly header: string;
  text(process: TopProcess, memoryInBytes: number, nowMs: number): string;
}

const pid: Column = { header: "PID", text: (each) => String(each.pid) };
const user: Column = { header: "USER", text: (each) => each.user };
const command: Column = { header: "COMMAND", text: (each) => printable(each.command) };
const terminal: Column = { header: "TTY", text: (each) => each.terminal || "?" };
const time: Column = { header: "TIME", text: (each) => duration(each.cpuUsageUsec / 1e6) };
const started: Column = { header: "STIME", text: (each, _, nowMs) => startOf(each, nowMs) };
const state: Column = { header: "STAT", text: (each) => each.state };
const share: Column = {
  header: "%CPU",
  text: (each, _, nowMs) => cpuShare(each, nowMs).toFixed(1),
};
const resident: Column = { header: "RSS", text: (each) => kilobytes(each.residentBytes) };
const virtual: Column = { header: "VSZ", text: (each) => kilobytes(each.virtualBytes) };
const memory: Column = {
  header: "%MEM",
  text: (each, total) => (100 * each.residentBytes / Math.max(1, total)).toFixed(1),
};

/** By the names that ps knows them by. */
const COLUMNS: Readonly<Record<string, Column>> = {
  pid,
  ppid: { header: "PPID", text: (each) => String(each.parentPid) },
  uid: { header: "UID", text: (each) => String(each.uid) },
  user,
  uname: user,
  euser: user,
  c: { header: "C", text: (each, _, nowMs) => String(Math.floor(cpuShare(each, nowMs))) },
  stime: started,
  start: { ...started, header: "START" },
  tty: terminal,
  tt: terminal,
  time,
  cputime: time,
  etime: {
    header: "ELAPSED",
    text: (each, _, nowMs) => duration(Math.max(0, nowMs - Date.parse(each.startedAt)) / 1000),
  },
  cmd: { ...command, header: "CMD" },
  command,
  args: command,
  comm: {
    header: "COMMAND",
    text: (each) => printable(each.command.split(" ")[0]!.replace(/^.*\//, "")),
  },
  s: { ...state, header: "S" },
  stat: state,
  state: { ...state, header: "S" },
  "%cpu": share,
  pcpu: share,
  "%mem": memory,
  pmem: memory,
  rss: resident,
  vsz: virtual,
  vsize: virtual,
};

const USUAL: readonly Column[] = [
  { ...user, header: "UID" },
  ...["pid", "ppid", "c", "stime", "tty", "time", "cmd"].map((name) => COLUMNS[name]!),
];
const AUX = ["user", "pid", "%cpu", "%mem", "vsz", "rss", "tty", "stat", "start", "time", "command"]
  .map((name) => COLUMNS[name]!);

/**
 * @param chosen Of `-o`: names with commas.
 * @param psOptions As behind `docker top`: `aux`, `-ef`, `-eo pid,cmd`, …; a selection changes nothing,
 * because all that there is is the container's.
 * @throws {CtrError} `usage`.
 */
export function columnsOf(
  chosen: string | undefined,
  psOptions: readonly string[],
): readonly Column[] {
  let columns = chosen === undefined ? USUAL : named(chosen);
  for (let at = 0; at < psOptions.length; at++) {
    const word = psOptions[at]!;
    const list = /^-[eA]?o(.*)$/.exec(word) ?? /^--format=(.*)$/.exec(word);
    if (list) columns = named(list[1] || (psOptions[++at] ?? ""));
    else if (/^-?a?ux?$/.test(word) || /^-?axu$/.test(word)) columns = AUX;
    else if (!/^-?[eAfax]+$/.test(word)) {
      throw usage(`cannot use "${word}" of ps`, "choose columns: -o pid,user,command");
    }
  }
  return columns;
}

function named(list: string): Column[] {
  return list.split(",").map((word) => {
    const name = word.trim().toLowerCase();
    const column = Object.hasOwn(COLUMNS, name) ? COLUMNS[name] : undefined;
    if (!column) {
      throw usage(
        `cannot show the column "${word}": there is no such column`,
        `there are ${Object.keys(COLUMNS).sort().join(", ")}`,
      );
    }
    return column;
  });
}

export function headersOf(columns: readonly Column[]): string[] {
  return columns.map(({ header }) => header);
}

export function describeProcess(
  process: TopProcess,
  columns: readonly Column[],
  memoryInBytes: number,
  nowMs: number,
): string[] {
  return columns.map(({ text }) => text(process, memoryInBytes, nowMs));
}

/** Percent of a core over the process's life, as ps tells it. */
function cpuShare({ cpuUsageUsec, startedAt }: TopProcess, nowMs: number): number {
  const livedMs = Math.max(1, nowMs - Date.parse(startedAt));
  return Math.min(100 * cpuUsageUsec / 1000 / livedMs, 9999);
}

/** `14:05` of today, `Jan02` before that. */
function startOf({ startedAt }: TopProcess, nowMs: number): string {
  const at = new Date(startedAt);
  if (at.toDateString() === new Date(nowMs).toDateString()) {
    return `${two(at.getHours())}:${two(at.getMinutes())}`;
  }
  return at.toLocaleString("en", { month: "short" }) + two(at.getDate());
}

/** `00:01:05`, with days in front where there are any. */
function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  const days = Math.floor(whole / 86_400);
  const clock = [whole / 3600 % 24, whole / 60 % 60, whole % 60].map((part) =>
    two(Math.floor(part))
  ).join(":");
  return days > 0 ? `${days}-${clock}` : clock;
}

function kilobytes(bytes: number): string {
  return String(Math.round(bytes / 1024));
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** A command line may hold what a terminal would obey. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}
