/** Entitlements that are simply true, by name: all that ctr has. */
export type Entitlements = readonly string[];

/** The virtual machines; no other is needed to run them, and nobody's permission for this one. */
export const VIRTUALIZATION = "com.apple.security.virtualization";

/** What Deno's own programs carry: V8 makes code while it runs, and the shim is signed by somebody else. */
export const RUNTIME: Entitlements = [
  "com.apple.security.cs.allow-dyld-environment-variables",
  "com.apple.security.cs.allow-jit",
  "com.apple.security.cs.allow-unsigned-executable-memory",
  "com.apple.security.cs.disable-executable-page-protection",
  "com.apple.security.cs.disable-library-validation",
];

/** As a property list. */
export function toXml(entitlements: Entitlements): string {
  const keys = entitlements.map((key) => `\t<key>${escape(key)}</key>\n\t<true/>\n`).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
${keys}</dict>
</plist>
`;
}

/**
 * Reads a property list of entitlements that are true.
 *
 * @throws {Error} For any other value: nothing is dropped in silence.
 */
export function parseXml(text: string): string[] {
  const body = /<dict>([\s\S]*)<\/dict>/.exec(text)?.[1];
  if (body === undefined) throw new Error("not a property list");
  const found: string[] = [];
  const rest = body.replace(/<!--[\s\S]*?-->/g, "")
    .replace(/\s*<key>([^<]*)<\/key>\s*<true\/>\s*/g, (_, key: string) => {
      found.push(key.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"));
      return "";
    });
  if (rest.trim() !== "") throw new Error(`only true values can be signed: ${rest.trim()}`);
  return found;
}

/**
 * As the kernel reads them: `[APPLICATION 16] { INTEGER 1, [CONTEXT 16] { SEQUENCE { UTF8String key, BOOLEAN }… } }`,
 * the keys in order.
 */
export function toDer(entitlements: Entitlements): Uint8Array {
  const pairs = [...entitlements].sort().map((key) =>
    tagged(0x30, tagged(0x0c, new TextEncoder().encode(key)), Uint8Array.of(0x01, 0x01, 0xff))
  );
  return tagged(0x70, Uint8Array.of(0x02, 0x01, 0x01), tagged(0xb0, ...pairs));
}

function tagged(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, { length }) => sum + length, 0);
  return concat([Uint8Array.of(tag, ...lengthBytes(length)), ...parts]);
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return [0x80 | bytes.length, ...bytes];
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
