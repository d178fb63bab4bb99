import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { prettyJson, sortedKeys } from "./json.ts";
import type { Format } from "./list.ts";

/**
 * Prints what `inspect` found: an indented JSON array, YAML, TOML, or a line for each by a template.
 *
 * @param fields Docker's names for parts of an item.
 */
export async function printInspected<T extends object>(
  app: App,
  items: readonly T[],
  format: Format = "json",
  fields?: (item: T) => Readonly<Record<string, unknown>>,
): Promise<void> {
  if (format === "json") return app.stdout.line(prettyJson(items));
  if (format === "yaml") {
    return app.stdout.write((await import("./yaml.ts")).encodeYaml(sortedKeys(items)));
  }
  if (format === "toml") {
    const { stringify } = await import("smol-toml");
    return app.stdout.line(stringify({ items: sortedKeys(items) as unknown[] }).trimEnd());
  }
  if (!format.includes("{{")) {
    throw usage(
      `cannot use --format "${format}": want json, yaml, toml or a template`,
      "a template looks like '{{.name}}'",
    );
  }
  const { compileTemplate, subject } = await import("./template.ts");
  const template = compileTemplate(format);
  for (const value of items) {
    const known = new Set(Object.keys(value));
    app.stdout.line(
      template.render(subject({ value, known, ...fields && { fields: fields(value) } })),
    );
  }
}
