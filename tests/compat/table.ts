import type { Chapter, Row, Support } from "./row.ts";

const HEAD = `# Compatibility

Row by row: what Apple's \`container\` 1.x and Docker do, and what \`ctr\` does. The last column is what
the black-box suite (\`tests/compat\`) has seen a real \`ctr\` do with real VMs: a row whose check fails
fails the test run, and this page is written from the run's results by \`deno task compat\`. The other two
columns are from those tools' sources and manuals, not from a run of them.
`;

/** The page, from what was seen. @param seen Whether a row's check passed. */
export function compatibilityPage(
  chapters: readonly Chapter[],
  seen: (row: Row) => boolean,
): string {
  const parts = chapters.map(({ title, rows }) => {
    const lines = rows.map((row) => {
      const ours = seen(row) ? row.ctr ?? "yes" : "**fails**";
      const cells = [`\`${row.name}\``, row.what, row.apple ?? "yes", row.docker ?? "yes", ours];
      return `| ${cells.map(cell).join(" | ")} |`;
    });
    return [
      `## ${title}`,
      "",
      "| | What | Apple's `container` | Docker | `ctr` |",
      "| --- | --- | --- | --- | --- |",
      ...lines,
      "",
    ].join("\n");
  });
  return `${HEAD}\n${parts.join("\n")}`;
}

function cell(text: Support): string {
  return text.replaceAll("|", "\\|");
}
