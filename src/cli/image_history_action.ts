import { z } from "zod";
import { ImageStep } from "../api/mod.ts";
import { formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { type Format, printList } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";
import { platform, type PlatformFlags } from "./platform.ts";

const CREATED_BY = 45;

interface HistoryFlags extends PlatformFlags {
  readonly trunc: boolean;
  readonly human: boolean | string;
  readonly quiet?: boolean;
  readonly format: Format;
}

/** Prints the steps of an image's making. */
export async function history(app: App, image: string, flags: HistoryFlags): Promise<void> {
  if (!["true", "false"].includes(String(flags.human))) {
    throw usage(`cannot use --human "${flags.human}": want true or false`);
  }
  const human = String(flags.human) === "true";
  const wanted = platform(app, flags, "flags");
  const query = new URLSearchParams({ ref: image });
  if (wanted !== undefined) query.set("platform", wanted);
  const engine = await app.engine();
  const steps = parseAnswer(z.array(ImageStep), await engine.get(`/images/history?${query}`));
  const size = (step: ImageStep) => human ? formatSize(step.size) : String(step.size);
  const layer = (step: ImageStep) => short(step.layer ?? "<missing>", flags.trunc);
  const by = (step: ImageStep) => flags.trunc ? cut(oneLine(step.createdBy)) : step.createdBy;
  const created = (step: ImageStep) => human ? ago(step.created) : step.created ?? "";
  await printList(app, steps, {
    format: flags.format,
    quiet: flags.quiet,
    header: ["CREATED", "CREATED BY", "SIZE", "COMMENT"],
    row: (step) => [created(step), by(step), size(step), oneLine(step.comment)],
    id: layer,
    fields: (step) => ({
      ID: layer(step),
      CreatedAt: step.created ?? "",
      CreatedSince: ago(step.created),
      CreatedBy: by(step),
      Size: size(step),
      Comment: step.comment,
    }),
  });
}

function short(digest: string, truncates: boolean): string {
  return truncates ? digest.replace(/^sha256:/, "").slice(0, 12) : digest;
}

/** A table has a line for each step. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function cut(text: string): string {
  const characters = [...text];
  return characters.length <= CREATED_BY
    ? text
    : `${characters.slice(0, CREATED_BY - 1).join("")}…`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ["year", 365 * 86400],
  ["month", 30 * 86400],
  ["week", 7 * 86400],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** `3 weeks ago`. */
function ago(created: string | undefined, nowMs = Date.now()): string {
  const seconds = (nowMs - Date.parse(created ?? "")) / 1000;
  if (Number.isNaN(seconds)) return "";
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? ["second", 1];
  const count = Math.max(0, Math.floor(seconds / length));
  return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
}
