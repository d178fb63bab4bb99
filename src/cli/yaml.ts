/**
 * Writes JSON values as YAML in block style. Strings are plain where YAML 1.1 and 1.2 agree that they
 * are strings, else JSON's, which YAML reads alike.
 *
 * @see https://yaml.org/spec/1.2.2/#733-plain-style
 */
export function encodeYaml(value: unknown): string {
  return `${block(value, "").trimStart()}\n`;
}

/** A value behind a key or a dash: its text, led by a blank or by a new line and its indentation. */
function block(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return " []";
    return value.map((item) => `\n${indent}-${nested(item, `${indent}  `)}`).join("");
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) return " {}";
    return entries.map(([key, item]) => {
      const deeper = Array.isArray(item) ? indent : `${indent}  `;
      return `\n${indent}${scalar(key)}:${block(item, deeper)}`;
    }).join("");
  }
  return ` ${scalar(value)}`;
}

/** An item of a list begins on the line of its dash. */
function nested(item: unknown, indent: string): string {
  return block(item, indent).replace(/^\n */, " ");
}

function scalar(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  const plain = /^[A-Za-z/][\w ./@+-]*(:[\w./@+-]+)*$/.test(value) && !value.endsWith(" ") &&
    !/^(y|n|yes|no|on|off|true|false|null|nan|inf)$/i.test(value);
  return plain ? value : JSON.stringify(value);
}
