export type LogLevel = "debug" | "info" | "warn" | "error";
const ORDER: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/**
 * Writes one line per message: time, level, message, `key=value` fields.
 *
 * @param write Receives each line with its newline. It must not throw.
 */
export function createLog(write: (line: string) => void, least: LogLevel = "info"): Log {
  const at = (level: LogLevel) => (message: string, fields: Record<string, unknown> = {}) => {
    if (ORDER.indexOf(level) < ORDER.indexOf(least)) return;
    const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${show(value)}`).join("");
    write(`${new Date().toISOString()} ${level} ${message}${rest}\n`);
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function show(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  return typeof value === "string" && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
}

export const SILENT: Log = createLog(() => {});
