import type { Position, Range } from "./types.ts";

/** Lines of a file, as they are: each with what ends it. */
export function physicalLines(source: string): string[] {
  return source.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Without what ends the line. */
export function withoutEnd(line: string): string {
  return line.replace(/[\r\n]+$/, "");
}

interface Segment {
  /** In the joined text. */
  readonly offset: number;
  readonly start: Position;
}

/** What a line and those that continue it say together. */
export class LogicalLine {
  /** Continuation characters, ends of lines and comments in between are not part of it. */
  text = "";
  readonly #segments: Segment[] = [];

  constructor(readonly firstLine: number) {}

  append(text: string, start: Position): void {
    this.#segments.push({ offset: this.text.length, start });
    this.text += text;
  }

  /** Where a character of `text` stands in the file. */
  position(offset: number): Position {
    const segment = this.#segments.findLast((each) => each.offset <= offset) ?? this.#segments[0]!;
    return {
      line: segment.start.line,
      column: segment.start.column + offset - segment.offset,
    };
  }

  /** The place of `text.slice(from, to)`. */
  range(from: number, to: number): Range {
    const last = this.position(Math.max(from, to - 1));
    return {
      start: this.position(from),
      end: { line: last.line, column: last.column + (to > from ? 1 : 0) },
    };
  }
}

/** Takes a file apart, line by line. */
export class LineReader {
  readonly #lines: readonly string[];
  #next = 0;

  constructor(source: string) {
    this.#lines = physicalLines(source.replace(/^\uFEFF/, ""));
  }

  get atEnd(): boolean {
    return this.#next >= this.#lines.length;
  }

  /** Number of the line that was read last; 0 before the first. */
  get line(): number {
    return this.#next;
  }

  /** With what ends it. */
  read(): string | undefined {
    return this.atEnd ? undefined : this.#lines[this.#next++];
  }

  /** The lines `first` to `last`, both included, as they stand in the file. */
  text(first: number, last: number): string {
    return withoutEnd(this.#lines.slice(first - 1, last).join(""));
  }

  /** Behind the last character of the line that was read last. */
  end(): Position {
    return { line: this.#next, column: withoutEnd(this.#lines[this.#next - 1] ?? "").length + 1 };
  }
}

export function isComment(line: string): boolean {
  return /^\s*#/.test(line);
}

/**
 * Reads the lines that continue `first`, until one does not end in the escape character.
 *
 * Comments in between are left out. A doubled escape character is one, and continues nothing.
 *
 * @returns The line, and the numbers of empty lines within.
 */
export function readContinued(
  reader: LineReader,
  first: string,
  escape: "\\" | "`",
): { line: LogicalLine; empty: number[] } {
  const ending = escape === "\\" ? /(^|[^\\])\\[ \t]*$/ : /(^|[^`])`[ \t]*$/;
  const line = new LogicalLine(reader.line);
  const empty: number[] = [];
  const indent = first.length - first.trimStart().length;
  let piece = withoutEnd(first.slice(indent));
  let column = indent + 1;
  for (;;) {
    const continued = ending.test(piece);
    const text = continued ? piece.replace(ending, "$1") : piece;
    line.append(text, { line: reader.line, column });
    if (!continued) break;
    const next = nextPiece(reader, empty);
    if (next === undefined) break;
    piece = next;
    column = 1;
  }
  return { line, empty };
}

/** The next line that is neither a comment nor empty. */
function nextPiece(reader: LineReader, empty: number[]): string | undefined {
  for (let raw; (raw = reader.read()) !== undefined;) {
    if (isComment(raw)) continue;
    const piece = withoutEnd(raw);
    if (piece.trim() !== "") return piece;
    empty.push(reader.line);
  }
  return undefined;
}
