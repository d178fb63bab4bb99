/** What `--progress rawjson` tells of a build. */
import assert from "node:assert/strict";
import { BuildEvent, type BuildResult } from "../../../src/api/mod.ts";
import type { Result } from "../../run/ctr_home.ts";

export interface Report {
  readonly status: number;
  readonly stdout: string;
  /** Titles of steps, by how they ended. */
  readonly cached: readonly string[];
  readonly ran: readonly string[];
  /** Of all steps. */
  readonly log: string;
  readonly result: BuildResult | undefined;
  readonly failed: Extract<BuildEvent, { kind: "failed" }> | undefined;
  readonly events: readonly BuildEvent[];
}

export function readReport({ status, stdout, stderr }: Result): Report {
  const events = stderr.split("\n").filter((line) => line.startsWith("{"))
    .map((line) => BuildEvent.parse(JSON.parse(line)));
  const titles = new Map<string, string>();
  const cached: string[] = [];
  const ran: string[] = [];
  let log = "";
  for (const event of events) {
    if (event.kind === "step" && event.index !== undefined) titles.set(event.id, event.title);
    if (event.kind === "log") log += atob(event.data);
    const title = "id" in event ? titles.get(event.id ?? "") : undefined;
    if (title === undefined) continue;
    if (event.kind === "cached") cached.push(title);
    if (event.kind === "end") ran.push(title);
  }
  const result = events.find((event) => event.kind === "result");
  const failed = events.find((event) => event.kind === "failed");
  assert.ok(result || failed || status !== 0, `neither result nor failure:\n${stderr}`);
  return { status, stdout, cached, ran, log, result: result?.result, failed, events };
}
