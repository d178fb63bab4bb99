import { createApp } from "../../src/cli/app.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { exitStatusPage } from "./exit_status.ts";
import { dockerFlags } from "./render_flags.ts";
import { schemaFiles } from "./schemas.ts";

/** Files of docs/ that are written from the source: path and text. */
export function pages(): Map<string, string> {
  return new Map([
    ["docs/docker-flags.md", dockerFlags(buildProgram(createApp()))],
    ["docs/exit-status.md", exitStatusPage()],
    ...schemaFiles(),
  ]);
}
