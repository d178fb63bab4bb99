import type { StageInstruction } from "./types.ts";

/** Longest title; what is longer ends in `…`. */
const MOST = 200;
/** Of a heredoc's content. */
const MOST_CONTENT = 80;

/** One line that says what an instruction does: white space as single blanks, a heredoc by its beginning. */
export function titleOf({ text, heredocs }: Pick<StageInstruction, "text" | "heredocs">): string {
  const line = text.replace(/\s+/g, " ").trim();
  const content = heredocs.map((each) => each.content).join(" ; ").trim();
  if (content === "") return cut(line, MOST);
  const said = content.split(/\s*\n\s*/).filter((each) => !/^#/.test(each)).join("; ");
  return cut(said === "" ? line : `${line} (${cut(said, MOST_CONTENT)})`, MOST);
}

function cut(text: string, most: number): string {
  const chars = [...text];
  return chars.length <= most ? text : `${chars.slice(0, most - 1).join("")}…`;
}
