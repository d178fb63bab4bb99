import { CtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import type { AttachEnd } from "./attach_session.ts";

/** 128 + SIGPIPE: what a shell reports for a program whose reader has gone. */
const SIGPIPE_STATUS = 141;

/** The status that we end with after a process, with a sentence where there is more to say. */
export function statusOf(app: App, name: string, end: AttachEnd): number {
  switch (end.kind) {
    case "abandoned":
      return 1;
    case "output-closed":
      return SIGPIPE_STATUS;
    case "detached":
      app.stderr.line(`\ndetached from ${name}`);
      return 0;
    case "exit": {
      const { exit } = end;
      if (exit.reason === "lost") {
        const fact = exit.detail ?? "its VM ended without a word";
        throw new CtrError("unavailable", `cannot go on with "${name}": ${fact}`, {
          hint: `see "ctr logs --boot ${name}"`,
        });
      }
      if (exit.detail !== undefined) app.stderr.line(`note: ${exit.detail}`);
      return exit.status;
    }
  }
}
