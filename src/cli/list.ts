import type { App } from "./app.ts";
import { compactJson, sortedKeys } from "./json.ts";
import { table } from "./table.ts";

export type Format = "table" | "json" | "yaml" | "toml";

export interface ListOptions<T> {
  readonly format: Format;
  /** Identifiers alone. A `format` other than `table` wins. */
  readonly quiet?: boolean | undefined;
  readonly header: readonly string[];
  row(item: T): readonly string[];
  id(item: T): string;
}

/** Prints a list in the format that was asked for. Everything that lists goes through here. */
export async function printList<T>(
  app: App,
  items: readonly T[],
  options: ListOptions<T>,
): Promise<void> {
  const { format, quiet, header } = options;
  if (format === "table") {
    const lines = quiet
      ? items.map((item) => `${options.id(item)}\n`).join("")
      : table([header, ...items.map((item) => options.row(item))]);
    app.stdout.write(lines);
  } else app.stdout.write(await encodeList(items, format));
}

async function encodeList(items: readonly unknown[], format: Format): Promise<string> {
  if (format === "json") return `${compactJson(items)}\n`;
  const sorted = sortedKeys(items) as unknown[];
  if (format === "yaml") return (await import("./yaml.ts")).encodeYaml(sorted);
  const { stringify } = await import("smol-toml");
  return `${stringify({ items: sorted }).trimEnd()}\n`;
}
