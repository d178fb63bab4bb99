import type { Progress } from "../api/mod.ts";
import type { PullProgress } from "../image/mod.ts";
import { formatPlatform } from "../oci/mod.ts";
import { errorBody } from "./http_errors.ts";
import type { Call } from "./router.ts";

/** A layer's progress is told this often at most. */
const PROGRESS_MS = 100;

export interface Told {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PullProgress) => void;
}

/** Runs long work and answers with a line per step. It ends when the client goes away. */
export async function withProgress(
  call: Call,
  work: (told: Told) => Promise<unknown>,
): Promise<void> {
  const signal = call.gone;
  call.response.writeHead(200, { "content-type": "application/x-ndjson" });
  call.response.flushHeaders();
  const line = (progress: Progress) => {
    if (!call.response.destroyed) call.response.write(`${JSON.stringify(progress)}\n`);
  };
  const throttle = new Throttle();
  const onProgress = (progress: PullProgress) => {
    const shown = throttle.pass(progress) ? translate(progress) : undefined;
    if (shown) line(shown);
  };
  try {
    const value = await work({ signal, onProgress });
    line({ kind: "result", value });
  } catch (error) {
    line({ kind: "error", ...errorBody(error) });
  }
  call.response.end();
}

/** Lets each new phase of a layer pass, and numbers now and then. */
class Throttle {
  readonly #last = new Map<string, { phase: string; atMs: number }>();

  pass(progress: PullProgress): boolean {
    if (progress.kind !== "layer") return true;
    const { digest, phase } = progress;
    const last = this.#last.get(digest);
    const atMs = performance.now();
    if (last?.phase === phase && atMs - last.atMs < PROGRESS_MS) return false;
    this.#last.set(digest, { phase, atMs });
    return true;
  }
}

function translate(progress: PullProgress): Progress {
  switch (progress.kind) {
    case "layer":
    case "warning":
      return progress;
    case "resolved": {
      const platforms = progress.platforms.map(formatPlatform).join(", ");
      const text = `${progress.reference}: ${progress.digest}`;
      return { kind: "message", text: platforms === "" ? text : `${text} (${platforms})` };
    }
    case "merge": {
      const verb = progress.phase === "done" ? "merged" : "merging";
      return { kind: "message", text: `${verb} ${progress.layers} layers` };
    }
  }
}
