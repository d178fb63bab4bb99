import { readLines } from "./environment.ts";
import { labels } from "./settings.ts";

/** Labels of files, one on a line, then those of flags; later ones win. */
export async function allLabels(
  files: readonly string[],
  texts: readonly string[],
): Promise<Record<string, string>> {
  const lines = await Promise.all(files.map(readLines));
  const written = lines.flat().map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  return { ...labels(written), ...labels(texts) };
}
