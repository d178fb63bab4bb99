import type { Socket } from "node:net";

/**
 * Reads a JSON text per line and takes what `parse` makes of it. The first line that is none ends the
 * connection.
 *
 * @param longest Bytes without a newline that are put up with.
 * @param broken Called before the connection ends for that, with the line.
 */
export function readJsonLines<T>(
  socket: Socket,
  options: {
    readonly longest: number;
    readonly parse: (value: unknown) => T | undefined;
    readonly take: (message: T) => void;
    readonly broken?: (line: string) => void;
  },
): void {
  let rest = "";
  const end = (line: string) => {
    options.broken?.(line);
    socket.destroy();
  };
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (socket.destroyed) return;
      if (line.trim() === "") continue;
      const message = parseLine(line, options.parse);
      if (message === undefined) return end(line);
      options.take(message);
    }
    if (rest.length > options.longest) end(rest);
  });
}

function parseLine<T>(line: string, parse: (value: unknown) => T | undefined): T | undefined {
  try {
    return parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** A line as a clause for the user. */
export function quoteLine(line: string): string {
  return JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line);
}
