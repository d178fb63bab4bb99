/**
 * Cuts a line at blanks. Quotes and backslashes keep blanks together and are removed, as in a Dockerfile:
 * within single quotes nothing else counts.
 *
 * @returns Undefined if a quote is not closed.
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quote === "" && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === "" && (char === '"' || char === "'")) {
      quote = char;
      word ??= "";
    } else if (char === quote) {
      quote = "";
    } else if (char === "\\" && quote !== "'" && at + 1 < text.length) {
      const next = text[++at]!;
      word = (word ?? "") + (quote === '"' && !'"\\$'.includes(next) ? `\\${next}` : next);
    } else {
      word = (word ?? "") + char;
    }
  }
  if (quote !== "") return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
