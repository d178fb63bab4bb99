/**
 * The corpus: `corpus/NAME.Dockerfile`, each with a comment `# Point: …` that says what it is there for.
 *
 * `# Flags: …` goes to both builders. `# Twin` says that `NAME.twin.Dockerfile` spells the same without what Debian's
 * buildah does not know, or does otherwise than Docker documents: the peer builds that one.
 */
import assert from "node:assert/strict";

export const CORPUS = new URL("../corpus/", import.meta.url).pathname;

export interface Case {
  readonly name: string;
  readonly point: string;
  readonly flags: readonly string[];
  /** None for a twin. */
  readonly peerFlags: readonly string[];
  /** What ctr builds, and what the peer builds. */
  readonly file: string;
  readonly peerFile: string;
  readonly peerIgnoreFile?: string;
  /** It needs a VM. */
  readonly runs: boolean;
}

export function readCases(): Case[] {
  const files = [...Deno.readDirSync(CORPUS)].map(({ name }) => name).sort();
  const own = files.filter((name) =>
    name.endsWith(".Dockerfile") && !name.endsWith(".twin.Dockerfile")
  );
  return own.map((file) => readCase(file, files));
}

function readCase(file: string, files: readonly string[]): Case {
  const text = Deno.readTextFileSync(`${CORPUS}${file}`);
  const name = file.slice(0, -".Dockerfile".length);
  const said = (word: string) => text.match(new RegExp(`^# ${word}: (.*)$`, "m"))?.[1];
  const point = said("Point");
  assert.ok(point, `${file} has no point`);
  const twin = /^# Twin$/m.test(text) ? `${name}.twin.Dockerfile` : file;
  assert.ok(files.includes(twin), `${twin} is missing`);
  const ignore = `${twin}.dockerignore`;
  const flags = said("Flags")?.split(" ") ?? [];
  return {
    name,
    point,
    flags,
    peerFlags: twin === file ? flags : [],
    file: `${CORPUS}${file}`,
    peerFile: `${CORPUS}${twin}`,
    ...files.includes(ignore) && { peerIgnoreFile: `${CORPUS}${ignore}` },
    runs: /^\s*(ONBUILD\s+)?RUN\b/im.test(text),
  };
}
