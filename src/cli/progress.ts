import type { Progress } from "../api/mod.ts";
import { formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { CtrError } from "../core/mod.ts";
import { engineError } from "./errors.ts";
import type { HttpResponse } from "./http.ts";
import { TerminalProgress } from "./progress_terminal.ts";

export interface ProgressOptions {
  /** `--progress`: auto, none, plain, tty (or ansi), color, json. */
  readonly how: string;
  readonly title: string;
}

/** Shows what a long operation does. */
export interface ProgressView {
  show(progress: Progress): void;
  /** Takes back what must not stay on the screen. */
  end(): void;
}

/**
 * Reads an NDJSON answer to its end and shows it on standard error.
 *
 * @returns The value of the `result` line.
 * @throws {CtrError} What the `error` line says; `unavailable` if the answer was cut short.
 */
export async function followProgress(
  app: App,
  response: HttpResponse,
  options: ProgressOptions,
): Promise<unknown> {
  const view = chooseView(app, options);
  try {
    for await (const line of jsonLines(response.body)) {
      const progress = JSON.parse(line) as Progress;
      if (options.how === "json") app.stderr.line(line);
      if (progress.kind === "result") return progress.value;
      if (progress.kind === "error") throw engineError(progress);
      if (progress.kind === "warning" && options.how !== "json") {
        app.stderr.line(`warning: ${progress.text}`);
      }
      view.show(progress);
    }
  } finally {
    view.end();
    response.connection.close();
  }
  throw new CtrError("unavailable", `stopped ${options.title}: the engine has ended`, {
    hint: "what was fetched is kept; run it again",
  });
}

function chooseView(app: App, { how, title }: ProgressOptions): ProgressView {
  if (how === "color") return new TerminalProgress(app, title, { color: true });
  const terminal = how === "tty" || how === "ansi" || (how === "auto" && app.stderr.isTerminal);
  if (terminal) return new TerminalProgress(app, title);
  if (how === "none" || how === "json") return { show() {}, end() {} };
  return new PlainProgress(app, title);
}

/** A line when a layer begins and when it is done: what a log file can hold. */
class PlainProgress implements ProgressView {
  readonly #app: App;
  readonly #title: string;
  readonly #phases = new Map<string, string>();

  constructor(app: App, title: string) {
    this.#app = app;
    this.#title = title;
  }

  show(progress: Progress): void {
    if (this.#phases.size === 0) {
      this.#phases.set("", "");
      this.#app.stderr.line(this.#title);
    }
    if (progress.kind === "message") this.#app.stderr.line(progress.text);
    if (progress.kind !== "layer" || this.#phases.get(progress.digest) === progress.phase) return;
    this.#phases.set(progress.digest, progress.phase);
    if (progress.phase === "waiting") return;
    const size = progress.total > 0 ? ` (${formatSize(progress.total)})` : "";
    this.#app.stderr.line(`${shortDigest(progress.digest)}: ${progress.phase}${size}`);
  }

  end(): void {}
}

export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, 12);
}

/** The lines of an NDJSON answer, as they come. */
export async function* jsonLines(body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const whole = text.split("\n");
    text = whole.pop()!;
    yield* whole.filter((line) => line !== "");
  }
  if (text.trim() !== "") yield text;
}
