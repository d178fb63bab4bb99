/** The import rule: which folder of `src/` may know which. */

/** Rows from the top; a folder imports from rows below its own, through `mod.ts` alone. */
export const ROWS: readonly (readonly string[])[] = [
  ["cli"],
  ["engine"],
  ["compose"],
  ["build", "container", "machine"],
  ["image", "vm", "network", "volume"],
  ["registry", "hypervisor", "guest", "unpack"],
  ["oci", "tar", "ext4", "dockerfile", "dns", "api"],
  ["host", "config"],
  ["core"],
];

/** Row 7, the formats: bytes are enough to test them, so they know `core` alone. */
const FORMATS_ROW = 6;

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

/** Static and dynamic imports and re-exports, with the line they stand on. Types count too. */
export function importsOf(text: string): { specifier: string; line: number }[] {
  const pattern =
    /^\s*(?:import|export)\b[^"'`;]*?\bfrom\s*"([^"]+)"|^\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;
  return [...text.matchAll(pattern)].map((match) => ({
    specifier: match[1] ?? match[2] ?? match[3] ?? "",
    line: text.slice(0, match.index + match[0].length).split("\n").length,
  }));
}

/** What in `text`, the file at `path` (`src/…`, `/` between its parts), breaks the import rule. */
export function importViolations(path: string, text: string): Violation[] {
  const own = folderOf(path);
  const violations: Violation[] = [];
  for (const { specifier, line } of importsOf(text)) {
    if (!specifier.startsWith(".")) continue;
    const target = resolve(path, specifier);
    const what = judge(path, own, target);
    if (what) violations.push({ file: path, line, what: `imports ${target}: ${what}` });
  }
  return violations;
}

function judge(path: string, own: string | undefined, target: string): string | undefined {
  const isTest = path.endsWith("_test.ts");
  const other = folderOf(target);
  if (other === undefined) {
    return isTest && target.startsWith("tests/") ? undefined : "it lies outside src/";
  }
  if (own === other) return undefined;
  if (own === undefined) return `${path} is in no folder of src/`;
  const [from, to] = [rowOf(own), rowOf(other)];
  if (from < 0) return `"${own}" has no row: give it one in tests/rules/imports.ts`;
  if (to < 0) return `"${other}" has no row: give it one in tests/rules/imports.ts`;
  if (to <= from) return `"${other}" is not below "${own}"`;
  if (from === FORMATS_ROW && other !== "core") return `"${own}" may know core alone`;
  // A folder may have a second table of contents below it, for callers who must load little.
  if (!target.endsWith("/mod.ts")) return "only mod.ts of another folder may be imported";
  return undefined;
}

function rowOf(folder: string): number {
  return ROWS.findIndex((row) => row.includes(folder));
}

function folderOf(path: string): string | undefined {
  const [top, folder, file] = path.split("/");
  return top === "src" && file !== undefined ? folder : undefined;
}

function resolve(path: string, specifier: string): string {
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}
