/** Rules on what a file of `src/` may say, and on the repository's text as a whole. */
import type { Violation } from "./imports.ts";

interface Rule {
  readonly name: string;
  /** Whether the rule is about this file. */
  readonly applies: (path: string) => boolean;
  readonly forbidden: RegExp;
}

const isSource = (path: string) => path.startsWith("src/") && !isTest(path);
const isTest = (path: string) => path.endsWith("_test.ts") || path.includes("/testdata/");
const isGenerated = (path: string) => path.includes("/gen/");

export const SOURCE_RULES: readonly Rule[] = [
  {
    name: "only main.ts ends the process",
    applies: (path) => isSource(path),
    forbidden: /\bDeno\.exit\b/,
  },
  {
    name: "only host/ and the chooser of hypervisor/ ask which system this is",
    applies: (path) =>
      isSource(path) && !path.startsWith("src/host/") &&
      !/^src\/hypervisor\/choose\w*\.ts$/.test(path),
    forbidden: /\bDeno\.build\.os\b|\bprocess\.platform\b/,
  },
  {
    name: "only cli/ prints, prompts and reads arguments",
    applies: (path) => isSource(path) && !path.startsWith("src/cli/"),
    forbidden:
      /\bconsole\.(?:log|error|warn|info|debug|table)\(|\bDeno\.(stdout|stdin|args)\b|\b(prompt|confirm|alert)\(|\bprocess\.(stdout|stdin|argv)\b/,
  },
  {
    name: "libraries come by the names of deno.json",
    applies: (path) => isSource(path) && !isGenerated(path),
    forbidden: /(?:from|import\()\s*"(?:npm:|jsr:|https?:)/,
  },
];

/** What in `text`, the file at `path`, breaks a rule. Comments do not count: they may say what is forbidden. */
export function sourceViolations(path: string, text: string): Violation[] {
  const code = withoutComments(text);
  return SOURCE_RULES.filter((rule) => rule.applies(path)).flatMap((rule) =>
    matches(path, code, rule.forbidden, rule.name)
  );
}

/**
 * Text that belongs to the machine where a file was written, not to the repository. The words are put together here
 * so that this file does not hold what it looks for.
 */
const FOREIGN: readonly [string, RegExp][] = [
  [
    "the host of a package registry",
    words(
      ["registry", "npmjs"],
      ["npm", "jsr"],
      ["deb", "debian"],
      ["security", "debian"],
      ["snapshot", "debian"],
      ["proxy", "golang"],
      ["sum", "golang"],
    ),
  ],
  [
    "a path of one machine",
    /(?<![\w.$}/-])\/(?:work|Users)\/[a-z]\w*|\/home\/(?!app\b|user\b|me\b|you\b)\w+\/|\/root\/\.cache/,
  ],
];

/** What in `text`, any file of the repository, does not belong there. */
export function hygieneViolations(path: string, text: string): Violation[] {
  return FOREIGN.flatMap(([what, pattern]) => matches(path, text, pattern, what));
}

function words(...parts: string[][]): RegExp {
  return new RegExp(parts.map((part) => part.join("\\.")).join("|"));
}

function matches(file: string, text: string, pattern: RegExp, name: string): Violation[] {
  return text.split("\n").flatMap((line, index) => {
    const found = line.match(pattern);
    return found ? [{ file, line: index + 1, what: `${name}: ${found[0]}` }] : [];
  });
}

/** Comments become blanks, so that lines keep their numbers. A `//` within a string is not a comment. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (match, string) => string ?? match.replace(/[^\n]/g, " "),
  );
}
