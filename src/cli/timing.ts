import type { Timing } from "../api/mod.ts";
import type { App } from "./app.ts";
import { table } from "./table.ts";

/** When what had happened, Unix milliseconds. */
export interface Moments {
  parsed: number;
  connected?: number;
  created?: number;
  started?: number;
  firstOutput?: number;
  timing?: Timing;
}

/** Prints how a start was spent, counted from the moment our own process began. */
export function printTiming(app: App, moments: Moments): void {
  const began = performance.timeOrigin;
  const rows: string[][] = [["PHASE", "AT", "TOOK"]];
  const add = (name: string, at: number, took?: number) =>
    rows.push([name, ms(at), took === undefined ? "" : ms(took)]);
  const { parsed, connected = parsed, created = connected, timing } = moments;
  add("ctr", 0, parsed - began);
  add("connect", parsed - began, connected - parsed);
  add("create", connected - began, created - connected);
  for (const phase of timing?.phases ?? []) {
    add(phase.name, timing!.beganAt + phase.beganMs - began, phase.tookMs);
    for (const step of phase.steps) rows.push([`  ${step.name}`, "", ms(step.tookMs)]);
  }
  if (moments.started !== undefined) add("started", moments.started - began);
  if (moments.firstOutput !== undefined) add("first byte", moments.firstOutput - began);
  app.stderr.write(table(rows));
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
