import { shellWords } from "./expand.ts";
import { isCtrError } from "../core/mod.ts";
import { DockerfileError } from "./failure.ts";
import { type LineReader, type LogicalLine, withoutEnd } from "./lines.ts";
import type { Heredoc } from "./types.ts";

/** What `<<NAME` announces. */
export interface Announced {
  readonly name: string;
  readonly expand: boolean;
  readonly chomp: boolean;
}

/** `<<NAME`, `<<-NAME`, `3<<"NAME"`; undefined for any other word. */
export function heredocWord(word: string): Announced | undefined {
  const match = /^\d*<<(-?)([^<]*)$/.exec(word);
  if (!match || match[2] === "") return undefined;
  const [name, ...more] = words(match[2]!, false);
  if (name === undefined || more.length > 0) return undefined;
  return { name, chomp: match[1] === "-", expand: words(match[2]!, true)[0] === name };
}

function announcedIn(text: string): Announced[] {
  if (!text.includes("<<")) return [];
  return words(text, true).flatMap((word) => heredocWord(word) ?? []);
}

/** Text that no shell would take has no heredocs; whoever runs it will say what is wrong. */
function words(text: string, raw: boolean): string[] {
  try {
    return shellWords(text, "\\", raw);
  } catch (error) {
    if (isCtrError(error)) return [];
    throw error;
  }
}

/** Reads what follows a line that announces heredocs. @throws {CtrError} `bad-data` where one has no end. */
export function readHeredocs(
  reader: LineReader,
  line: LogicalLine,
  file: string,
): { heredocs: Heredoc[]; raw: string } {
  const heredocs: Heredoc[] = [];
  let raw = "";
  for (const announced of announcedIn(line.text)) {
    const start = { line: reader.line + 1, column: 1 };
    let content = "";
    let body = "";
    for (;;) {
      const text = reader.read();
      if (text === undefined) {
        const at = Math.max(0, line.text.indexOf("<<"));
        throw new DockerfileError(
          file,
          line.range(at, line.text.length),
          `the heredoc "${announced.name}" has no end`,
          { hint: `it ends at a line that is ${announced.name} and nothing else` },
        );
      }
      const kept = announced.chomp ? text.replace(/^\t+/, "") : text;
      if (withoutEnd(kept) === announced.name) break;
      content += kept;
      body += text;
    }
    raw += `\n${body}${announced.name}`;
    heredocs.push({ ...announced, content, range: { start, end: reader.end() } });
  }
  return { heredocs, raw };
}
