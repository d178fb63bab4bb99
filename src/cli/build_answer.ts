import type { BuildAnswer, BuildFinding, BuildOutline, BuildTarget } from "../api/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { prettyJson } from "./json.ts";
import { printable } from "./printable.ts";
import { table } from "./table.ts";

export interface Question {
  readonly call: "check" | "outline" | "targets";
  readonly format: "text" | "json";
}

const WORDS: Readonly<Record<string, Question["call"]>> = {
  check: "check",
  lint: "check",
  outline: "outline",
  targets: "targets",
};

/** `--call check|outline|targets[,format=json]` and `--check`. Undefined: build. @throws {CtrError} `usage` */
export function question(
  { call, check }: { readonly call?: string; readonly check?: boolean },
): Question | undefined {
  if (call === undefined) return check ? { call: "check", format: "text" } : undefined;
  if (check) throw usage("cannot use --check together with --call");
  const [word = "", ...options] = call.split(",");
  const known = WORDS[word];
  if (word === "build" && options.length === 0) return undefined;
  if (known === undefined || !Object.hasOwn(WORDS, word)) {
    throw usage(`cannot use --call "${call}": want check, outline or targets`);
  }
  const format = options.length === 0 ? "text" : /^format=(text|json)$/.exec(options[0]!)?.[1];
  if (options.length > 1 || (format !== "text" && format !== "json")) {
    throw usage(`cannot use --call "${call}": want ${word}, or ${word},format=json`);
  }
  return { call: known, format };
}

/** Prints what was asked for. @returns The status to end with. */
export function printAnswer(app: App, answer: BuildAnswer, format: Question["format"]): number {
  const found = answer.call === "check" && answer.findings.length > 0;
  if (format === "json") app.stdout.line(prettyJson(answer));
  else app.stdout.write(text(answer));
  return found ? 1 : 0;
}

function text(answer: BuildAnswer): string {
  switch (answer.call) {
    case "check":
      return checkText(answer.findings);
    case "outline":
      return outlineText(answer.outline);
    case "targets":
      return table([["TARGET", "BASE", "DESCRIPTION"], ...answer.targets.map(targetRow)]);
  }
}

function checkText(findings: readonly BuildFinding[]): string {
  if (findings.length === 0) return "nothing found\n";
  return findings.map((finding) => {
    const url = finding.url === undefined ? "" : `\n  see ${finding.url}`;
    return `${printable(findingText(finding))}${url}\n`;
  }).join("");
}

/** `Dockerfile:3:1: StageNameCasing: Stage name …`. */
export function findingText({ rule, message, place }: BuildFinding): string {
  const where = place === undefined ? [] : [`${place.file}:${place.line}`];
  return [...where, ...rule === undefined ? [] : [rule], message].join(": ");
}

function targetRow({ name, base, description, default: last }: BuildTarget): string[] {
  const target = `${name ?? "(no name)"}${last ? " (default)" : ""}`;
  return [target, base, description ?? ""].map(printable);
}

function outlineText(outline: BuildOutline): string {
  const parts = [
    table([["TARGET", "DESCRIPTION"], [outline.name ?? "(default)", outline.description ?? ""]]),
  ];
  if (outline.args.length > 0) {
    const rows = outline.args.map(({ name, value, description }) => [
      name,
      value ?? "",
      description ?? "",
    ]);
    parts.push(table([["BUILD ARG", "VALUE", "DESCRIPTION"], ...rows.map(printableRow)]));
  }
  for (const [heading, wanted] of [["SECRET", outline.secrets], ["SSH", outline.ssh]] as const) {
    if (wanted.length === 0) continue;
    const rows = wanted.map(({ id, required }) => [id, required ? "required" : ""]);
    parts.push(table([[heading, ""], ...rows.map(printableRow)]));
  }
  return parts.join("\n");
}

function printableRow(row: readonly string[]): string[] {
  return row.map(printable);
}
