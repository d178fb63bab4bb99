import assert from "node:assert/strict";
import type { BuildEvent } from "../api/mod.ts";
import { BuildScreen } from "./build_screen.ts";
import { StepLog, Steps } from "./build_steps.ts";

/** A terminal of 12 rows, and the text that it shows. */
class Screen {
  #text = "";
  nowMs = 0;
  readonly steps = new Steps();
  readonly #view: BuildScreen;

  constructor(rows = 12) {
    const write = (text: string) => void (this.#text += text);
    const stderr = { isTerminal: true, write, line: (text: string) => write(`${text}\n`) };
    const app = { stderr, color: false, onRestore() {} };
    this.#view = new BuildScreen(app, this.steps, {
      size: () => ({ rows, columns: 60 }),
      now: () => this.nowMs,
    });
  }

  show(...events: BuildEvent[]): void {
    for (const event of events) {
      this.nowMs += 100;
      this.#view.show(event, this.steps.apply(event));
    }
  }

  end(): void {
    this.#view.end();
  }

  /** The lines as a terminal would have them now. */
  get lines(): string[] {
    const lines: string[] = [""];
    let row = 0;
    // deno-lint-ignore no-control-regex
    for (const part of this.#text.match(/\x1b\[\d*[A-Z]|\n|\r|[^\x1b\n\r]+/g) ?? []) {
      // deno-lint-ignore no-control-regex
      const up = /^\x1b\[(\d+)A$/.exec(part)?.[1];
      if (part === "\n") lines[++row] ??= "";
      else if (up !== undefined) row -= Number(up);
      else if (part === "\x1b[J") lines.splice(row);
      else if (part !== "\x1b[K" && part !== "\r") lines[row] = part;
    }
    return lines.filter((line) => line !== "" && line !== undefined);
  }
}

function step(id: string, title: string, stage?: string): BuildEvent {
  const place = stage === undefined ? {} : { stage, index: 2, total: 5 };
  return { kind: "step", id, title, time: 0, ...place };
}

function log(id: string, text: string): BuildEvent {
  const data = new TextEncoder().encode(text).toBase64();
  return { kind: "log", id, stream: "stdout", data, time: 0 };
}

Deno.test("the screen folds steps that have ended, and shows the end of logs of those that run", () => {
  const screen = new Screen();
  screen.show(
    step("c", "load context"),
    { kind: "end", id: "c", ms: 20, time: 0 },
    step("a", "COPY . .", "build"),
    { kind: "cached", id: "a", time: 0 },
    step("b", "RUN make", "build"),
    step("d", "RUN test", "other"),
    log("b", "one\ntwo\x1b[31m red\x1b[0m\n 10%\r 20%"),
  );
  assert.deepEqual(screen.lines, [
    " cached [build 2/5] COPY . .",
    "  700ms [build 2/5] RUN make",
    "      | one",
    "      | two red",
    "      |  20%",
    "  700ms [other 2/5] RUN test",
    "building 700ms: 2 steps done, 1 of them cached",
  ]);
  screen.show(
    { kind: "end", id: "b", ms: 1500, time: 0 },
    { kind: "end", id: "d", ms: 400, error: "it ended with status 1", time: 0 },
  );
  screen.end();
  assert.deepEqual(screen.lines, [
    " cached [build 2/5] COPY . .",
    "   1.5s [build 2/5] RUN make",
    " failed [other 2/5] RUN test",
  ]);
});

Deno.test("the screen keeps to its rows, whatever runs", () => {
  const screen = new Screen(5);
  for (let n = 0; n < 9; n++) screen.show(step(`${n}`, `RUN ${n}`, "s"), log(`${n}`, "x\ny\nz\n"));
  assert(screen.lines.length <= 5, screen.lines.join("\n"));
  screen.end();
  assert.deepEqual(screen.lines, []);
});

Deno.test("a step's name cannot move the terminal", () => {
  const screen = new Screen();
  screen.show(step("a", "RUN \x1b[2J", "s"), { kind: "end", id: "a", ms: 1000, time: 0 });
  screen.end();
  assert.deepEqual(screen.lines, ["   1.0s [s 2/5] RUN \\x1b[2J"]);
});

Deno.test("a log that is too long loses its beginning", () => {
  const log = new StepLog();
  const piece = new Uint8Array(1 << 20).fill(65);
  for (let n = 0; n < 20; n++) log.add(piece);
  assert(log.size <= 8 * 1024 * 1024);
  assert.equal(log.size + log.dropped, 20 * piece.length);
});
