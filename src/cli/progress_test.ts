import assert from "node:assert/strict";
import type { Progress } from "../api/mod.ts";
import { LiveLines } from "./live_lines.ts";
import { TerminalProgress } from "./progress_terminal.ts";
import { Rate } from "./rate.ts";

const MIB = 1 << 20;
// deno-lint-ignore no-control-regex
const BACK = /^\x1b\[\d+A\r/;

/** A terminal of a given size that remembers what was written last. */
function terminal(columns: number, rows = 24) {
  const state = { columns, rows, now: 0, last: "", all: "" };
  const stderr = {
    isTerminal: true,
    write: (text: string) => {
      state.last = text;
      state.all += text;
    },
    line: () => {},
  };
  const app = { stderr, color: false, onRestore: () => {} };
  const size = () => ({ columns: state.columns, rows: state.rows });
  return { state, app, stderr, size, now: () => state.now };
}

function layer(digest: string, current: number, phase = "downloading"): Progress {
  return { kind: "layer", digest, phase, current, total: 8 * MIB } as Progress;
}

Deno.test("progress shows a bar for each layer, the rate of late, and the time left", () => {
  const { state, app, size, now } = terminal(80);
  const view = new TerminalProgress(app, "pulling x", { size, now });
  view.show(layer("sha256:aaaaaaaaaaaaaaaa", 0));
  for (const seconds of [1, 2, 3, 4, 5, 6, 7, 8]) {
    state.now = seconds * 1000;
    // A slow beginning does not count for ever.
    view.show(layer("sha256:aaaaaaaaaaaaaaaa", seconds < 3 ? 0 : (seconds - 2) * MIB));
  }
  state.now = 8100;
  view.show(layer("sha256:bbbbbbbbbbbbbbbb", 0, "exists"));
  const lines = state.last.split("\x1b[K\n").map((line) => line.replace(BACK, ""));
  assert.match(lines[0]!, /^pulling x: 6 MiB of 8 MiB, 1004 KiB\/s, 2\.0s left$/);
  assert.equal(
    lines[1],
    `aaaaaaaaaaaa [${"#".repeat(18)}${" ".repeat(6)}] downloading 6 MiB / 8 MiB`,
  );
  assert.equal(lines[2], `bbbbbbbbbbbb [${"#".repeat(24)}] exists 8 MiB`);
  view.end();
  assert.equal(state.last, "\x1b[3A\r\x1b[J");
});

Deno.test("progress fits narrow and low terminals", () => {
  const { state, app, size, now } = terminal(40, 4);
  const view = new TerminalProgress(app, "pulling x", { size, now });
  for (const digest of ["a", "b", "c", "d", "e"]) {
    state.now += 100;
    view.show(layer(`sha256:${digest.repeat(16)}`, MIB));
  }
  const lines = state.last.split("\x1b[K\n").slice(0, -1);
  assert.equal(lines.length, 3);
  for (const line of lines) assert.ok(line.replace(BACK, "").length <= 39, line);
  assert.ok(!state.last.includes("[" + "#"));
  view.end();
});

Deno.test("lines that have wrapped in a narrower terminal are all gone over", () => {
  const { state, stderr, size } = terminal(80);
  const lines = new LiveLines(stderr, size);
  lines.draw(["x".repeat(70), "short"]);
  state.columns = 30; // the first line takes three rows now
  lines.draw(["y"]);
  assert.ok(state.last.startsWith("\x1b[4A\r"));
  lines.clear();
  assert.equal(state.last, "\x1b[1A\r\x1b[J");
});

Deno.test("the rate is that of the last seconds", () => {
  const rate = new Rate();
  assert.equal(rate.perSecond, 0);
  for (let second = 0; second <= 20; second++) {
    rate.add(second < 10 ? 0 : (second - 10) * 100, second * 1000);
  }
  assert.ok(Math.abs(rate.perSecond - 100) < 1);
  rate.add(1000, 40_000);
  assert.ok(rate.perSecond < 10);
});
