import { type ErrorCode, EXIT_STATUS } from "../../src/core/mod.ts";

/** What each code is for. A new code does not compile until it is described here. */
const MEANING: Readonly<Record<ErrorCode, string>> = {
  "usage": "the command line, a file it names, or a value in it cannot be used",
  "not-found": "there is no such container, image, volume, file or registry entry",
  "exists": "the name is taken",
  "conflict": "something else uses it, or does something to it at this moment",
  "invalid-state": "the object's state does not allow it: stopped, running, paused",
  "no-space": "no room is left on the host's or the container's disk",
  "bad-data": "what came from a registry, an archive, a guest or a disk is damaged or hostile",
  "too-large": "it is above a limit, which the message names",
  "denied": "rights are missing: on the host, or at the registry",
  "unavailable": "the engine, a registry or a VM cannot be reached or has gone",
  "timeout": "it took longer than it may",
  "unsupported": "this host or this version cannot do it",
  "cancelled": "it was interrupted",
  "not-executable": "the program in the container cannot be executed",
  "command-not-found": "there is no such program in the container",
};

/** `docs/exit-status.md`. */
export function exitStatusPage(): string {
  const rows = Object.entries(EXIT_STATUS).map(([code, status]) =>
    `| ${status} | ${code} | ${MEANING[code as ErrorCode]} |`
  );
  return `# Exit status

<!-- Written by \`deno task docs\` from src/core/errors.ts. Do not edit. -->

A failed command prints one sentence, \`error: …\`, on standard error, often with a line \`hint: …\` below
it, and ends with a status. Codes are those of the API's error bodies.

| Status | Code | When |
|---|---|---|
| 0 | | it has done what was asked |
${rows.join("\n")}
| 128 + n | | \`ctr\` itself was ended by signal n: 130 by Ctrl-C, 141 when the reader of its output has gone |

\`run\`, \`exec\` and \`start -a\` end with the status of the container's process, 128 + n when signal n
ended it. There a failure of \`ctr\` itself is **125**, whatever its code, so that it cannot be taken for
the process's; 126, 127 and 130 keep their meaning.

Commands that take several names act on each in turn; when some fail, the others still get their turn,
each failure prints its sentence, and the status is that of the last failure.
`;
}
