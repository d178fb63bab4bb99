/**
 * Signs a Mach-O program or library ad hoc, on any host.
 *
 *   deno task sign FILE [--identifier NAME] [--entitlements FILE.plist]   in place, by a new file
 *   deno task sign --verify FILE                                          recomputes all hashes
 *
 * Beside Apple's `codesign`, which does the same on a Mac: see docs/macos.md.
 *
 * @module
 */
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { parseXml } from "./entitlements.ts";
import { sign } from "./signature.ts";
import { verify } from "./verify.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    identifier: { type: "string" },
    entitlements: { type: "string" },
    verify: { type: "boolean" },
  },
});
const [file] = positionals;
if (!file || positionals.length > 1) {
  console.error(
    "use: sign FILE [--identifier NAME] [--entitlements FILE.plist], or sign --verify FILE",
  );
  Deno.exit(2);
}
try {
  if (!values.verify) await signFile(file);
  const { identifier, entitlements, pages } = verify(await Deno.readFile(file));
  console.log(
    `${file}: ${identifier}, ${pages} pages, entitlements: ${entitlements.join(" ") || "none"}`,
  );
} catch (error) {
  console.error(`error: cannot sign "${file}": ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}

/** The system remembers the signature of a file that was run: it must be a new one under the old name. */
async function signFile(path: string): Promise<void> {
  const { mode } = await Deno.stat(path);
  const entitlements = values.entitlements
    ? parseXml(await Deno.readTextFile(values.entitlements))
    : [];
  const identifier = values.identifier ?? basename(path);
  const signed = sign(await Deno.readFile(path), { identifier, entitlements });
  const temporary = `${path}.${Deno.pid}.tmp`;
  await Deno.writeFile(temporary, signed, { mode: mode ?? 0o755 });
  await Deno.rename(temporary, path);
}
