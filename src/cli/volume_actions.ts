import { z } from "zod";
import { PruneVolumesReply, Volume, VolumeCheck } from "../api/mod.ts";
import { CtrError, formatSize, isCtrError, parseSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { fetchArchive } from "./export_action.ts";
import { filtered } from "./filters.ts";
import { printInspected } from "./inspected.ts";
import { prettyJson } from "./json.ts";
import { type Format, printList } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";
import { sendArchive } from "./send_archive.ts";
import { eachTarget } from "./targets.ts";
import { isAnonymous, volumeFields, volumeFilters } from "./volume_fields.ts";

/** What reads or writes a whole volume takes as long as it takes. */
const NO_DEADLINE = {};
const BLOCK = 4096;

interface CreateFlags {
  readonly type?: string;
  readonly s?: string;
  readonly opt?: readonly string[];
  readonly label?: readonly string[];
}

export async function create(
  app: App,
  name: string | undefined,
  flags: CreateFlags,
): Promise<void> {
  const options = pairs("--opt", flags.opt);
  for (const [key, flag] of [["size", flags.s], ["type", flags.type]] as const) {
    if (flag === undefined) continue;
    if (options[key] !== undefined && options[key] !== flag) {
      throw usage(`cannot use ${key === "size" ? "-s" : "--type"} together with --opt ${key}`);
    }
    options[key] = flag;
  }
  const engine = await app.engine();
  const labels = pairs("--label", flags.label);
  const request = { ...(name !== undefined && { name }), options, labels };
  app.stdout.line(parseAnswer(Volume, await engine.post("/volumes", request)).id);
}

/** Splits on the first `=` only; what has none gets an empty value. */
function pairs(flag: string, texts: readonly string[] = []): Record<string, string> {
  const found: Record<string, string> = {};
  for (const text of texts) {
    const [key = "", value = ""] = text.split(/=(.*)/s);
    if (key === "") throw usage(`cannot use ${flag} "${text}": want key=value`);
    found[key] = value;
  }
  return found;
}

interface ListFlags {
  readonly quiet?: boolean;
  readonly filter?: readonly string[];
  readonly format: Format;
}

/** Lists volumes, by name. */
export async function list(app: App, flags: ListFlags): Promise<void> {
  const engine = await app.engine();
  const volumes = parseAnswer(z.array(Volume), await engine.get("/volumes"));
  await printList(app, filtered(volumes, flags.filter, volumeFilters()), {
    format: flags.format,
    quiet: flags.quiet,
    header: ["NAME", "TYPE", "DRIVER", "OPTIONS"],
    row: (each) => [
      each.id,
      isAnonymous(each) ? "anonymous" : "named",
      each.configuration.driver,
      Object.entries(each.configuration.options).map(([key, value]) => `${key}=${value}`).join(","),
    ],
    id: (each) => each.id,
    fields: volumeFields,
  });
}

/** Prints the volumes as a JSON array. Nothing is printed when one of them is missing. */
export async function inspect(
  app: App,
  names: readonly string[],
  flags: { readonly format?: Format },
): Promise<void> {
  const engine = await app.engine();
  const found: Volume[] = [];
  const missing: string[] = [];
  for (const name of new Set(names)) {
    try {
      found.push(parseAnswer(Volume, await engine.get(path(name))));
    } catch (error) {
      if (!isCtrError(error, "not-found")) throw error;
      missing.push(name);
    }
  }
  if (missing.length > 0) {
    const quoted = missing.map((name) => `"${name}"`).join(", ");
    throw new CtrError("not-found", `cannot inspect ${quoted}: there is no such volume`, {
      hint: 'see "ctr volume ls"',
    });
  }
  await printInspected(app, found, flags.format, volumeFields);
}

export async function remove(
  app: App,
  names: readonly string[],
  flags: { readonly all?: boolean; readonly force?: boolean },
): Promise<void> {
  if (flags.all && names.length > 0) {
    throw usage("cannot use --all together with names: the two conflict");
  }
  if (!flags.all && names.length === 0) throw usage("want at least one volume, or --all");
  const engine = await app.engine();
  const targets = flags.all
    ? parseAnswer(z.array(Volume), await engine.get("/volumes"))
      .filter((each) => each.status.usedBy.length === 0).map((each) => each.id)
    : names;
  await eachTarget(app, targets, async (name) => {
    await engine.delete(`${path(name)}${flags.force ? "?force=1" : ""}`);
    app.stdout.line(name);
  });
}

export async function prune(
  app: App,
  flags: { readonly filter?: readonly string[] },
): Promise<void> {
  const engine = await app.engine();
  const request = { filters: flags.filter ?? [] };
  const answer = await engine.post("/volumes/prune", request, NO_DEADLINE);
  const { removed, reclaimedBytes } = parseAnswer(PruneVolumesReply, answer);
  for (const name of removed) app.stdout.line(name);
  app.stderr.line(`Reclaimed ${formatSize(reclaimedBytes)} in disk space`);
}

export async function clone(app: App, source: string, target: string): Promise<void> {
  const engine = await app.engine();
  const answer = await engine.post(`${path(source)}/clone`, { target }, NO_DEADLINE);
  app.stdout.line(parseAnswer(Volume, answer).id);
}

export async function exportVolume(
  app: App,
  name: string,
  flags: { readonly output?: string },
): Promise<void> {
  await fetchArchive(app, `${path(name)}/export`, flags.output);
}

export async function importVolume(
  app: App,
  name: string,
  archive: string,
  flags: { readonly force?: boolean },
): Promise<void> {
  const target = `${path(name)}/import${flags.force ? "?force=1" : ""}`;
  await sendArchive(app, target, archive, `cannot import "${archive}" into volume "${name}"`);
  app.stdout.line(name);
}

/** Tells of each volume whether it is clean, and what is wrong with it. */
export async function check(
  app: App,
  names: readonly string[],
  flags: { readonly format: string },
): Promise<void> {
  const engine = await app.engine();
  const checks: VolumeCheck[] = [];
  await eachTarget(app, names, async (name) => {
    const answer = await engine.post(`${path(name)}/check`, {}, NO_DEADLINE);
    const found = parseAnswer(VolumeCheck, answer);
    checks.push(found);
    if (!found.clean) app.exitStatus = 1;
    if (flags.format === "json") return;
    const after = found.recovered > 0
      ? `, ${found.recovered} transactions of its journal first`
      : "";
    if (found.clean) return app.stdout.line(`${name}: clean${after}`);
    app.stdout.line(`${name}: damaged${after}`);
    for (const problem of found.problems) app.stdout.line(`  ${problem}`);
  });
  if (flags.format === "json") app.stdout.line(prettyJson(checks));
}

export async function resize(app: App, name: string, size: string): Promise<void> {
  const sizeBytes = Math.ceil(parseSize(size) / BLOCK) * BLOCK;
  const engine = await app.engine();
  await engine.post(`${path(name)}/resize`, { sizeBytes }, NO_DEADLINE);
  app.stdout.line(name);
}

function path(name: string): string {
  return `/volumes/${encodeURIComponent(name)}`;
}
