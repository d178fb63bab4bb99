import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { compactJson, sortedKeys } from "./json.ts";
import { table } from "./table.ts";

/**
 * `table`, `json`, `yaml`, `toml`, or a template in Go's language: `{{.ID}}`, with `table ` in front
 * as columns below a header.
 */
export type Format = string;

export interface ListOptions<T> {
  readonly format: Format;
  /** Identifiers alone. A `format` other than `table` wins. */
  readonly quiet?: boolean | undefined;
  readonly header: readonly string[];
  row(item: T): readonly string[];
  id(item: T): string;
  /** Docker's names for templates. What an item's own JSON holds needs none. */
  fields?(item: T): Readonly<Record<string, unknown>>;
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
  } else app.stdout.write(await encodeList(items, options));
}

async function encodeList<T>(items: readonly T[], options: ListOptions<T>): Promise<string> {
  const { format } = options;
  if (format === "json") return `${compactJson(items)}\n`;
  if (format === "yaml") return (await import("./yaml.ts")).encodeYaml(sortedKeys(items));
  if (format === "toml") {
    const { stringify } = await import("smol-toml");
    return `${stringify({ items: sortedKeys(items) as unknown[] }).trimEnd()}\n`;
  }
  return await renderList(items, options);
}

async function renderList<T>(items: readonly T[], options: ListOptions<T>): Promise<string> {
  const [, asTable, text = ""] = /^(table\s+)?([^]*)$/.exec(options.format) ?? [];
  if (!text.includes("{{")) {
    throw usage(
      `cannot use --format "${options.format}": want table, json, yaml, toml or a template`,
      "a template looks like '{{.ID}}'",
    );
  }
  const { compileTemplate, subject } = await import("./template.ts");
  const template = compileTemplate(text);
  const known = new Set(items.flatMap((item) => Object.keys(item as object)));
  const lines = items.map((value) =>
    template.render(
      subject({ value, known, ...options.fields && { fields: options.fields(value) } }),
    )
  );
  if (!asTable) return lines.map((line) => `${line}\n`).join("");
  return table([template.header(), ...lines].map((line) => line.split("\t")));
}
