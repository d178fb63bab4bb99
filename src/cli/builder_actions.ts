import { z } from "zod";
import { BuildCacheRecord, BuilderStatus, BuilderStopReply, BuildPruneReply } from "../api/mod.ts";
import { CtrError, formatSize, parseSize } from "../core/mod.ts";
import { hostArchitecture } from "../host/mod.ts";
import { roughly } from "./ago.ts";
import type { App } from "./app.ts";
import type { EngineClient } from "./engine_client.ts";
import { usage } from "./errors.ts";
import { readFilters } from "./filters.ts";
import { type Format, printList } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";
import { printable } from "./printable.ts";
import { table } from "./table.ts";

/** Removing a large cache, and waiting for builds to end, takes as long as it takes. */
const NO_DEADLINE = {};
const FILTERS = [
  "id",
  "parent",
  "type",
  "description",
  "inuse",
  "shared",
  "private",
  "until",
  "unused-for",
];

/** Starts the engine. @throws {CtrError} `usage` for what belongs to a build. */
export async function startBuilder(
  app: App,
  flags: object,
): Promise<void> {
  const [given] = Object.keys(flags);
  if (given !== undefined) {
    const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw usage(
      `cannot use "--${flag}": a builder is started by each build, as it wants it`,
      `give --${flag} to "ctr build"${
        ["cpus", "memory"].includes(flag) ? `, or set build.${flag} in config.toml` : ""
      }`,
    );
  }
  await app.engine();
}

interface ListFlags {
  readonly format: Format;
  readonly quiet?: boolean;
}

/** Lists builds. Without an engine there are none, and none is started to say so. */
export async function builderStatus(app: App, flags: ListFlags): Promise<void> {
  const engine = await app.runningEngine();
  const status = engine && await readStatus(engine);
  if (flags.format !== "table") {
    return await printList(app, status ? [status] : [], {
      format: flags.format,
      header: [],
      row: () => [],
      id: () => "",
    });
  }
  const builds = status?.builds ?? [];
  if (flags.quiet) return app.stdout.write(builds.map(({ id }) => `${id}\n`).join(""));
  if (builds.length === 0) return app.stderr.line("no build goes on");
  app.stdout.write(table([
    ["ID", "BUILD", "PLATFORMS", "STEPS", "CACHED", "STARTED"],
    ...builds.map(({ id, title, platforms, steps, startedAt }) => [
      id,
      printable(title),
      platforms.join(",") || `linux/${hostArchitecture()}`,
      String(steps.total),
      String(steps.cached),
      startedAt,
    ]),
  ]));
  if (!status || status.vms.length === 0) return;
  app.stdout.write(`\n${
    table([
      ["VM", "IP", "CPUS", "MEMORY", "STARTED"],
      ...status.vms.map(({ platform, addresses, cpus, memoryInBytes, startedAt }) => [
        platform,
        addresses.join(","),
        String(cpus),
        formatSize(memoryInBytes),
        startedAt,
      ]),
    ])
  }`);
}

async function readStatus(engine: EngineClient): Promise<BuilderStatus> {
  return parseAnswer(BuilderStatus, await engine.get("/build/status"));
}

/** Stops builds and prints their identifiers. */
export async function stopBuilder(app: App): Promise<void> {
  const engine = await app.runningEngine();
  const stopped = engine ? await stopAll(engine) : [];
  if (stopped.length === 0) app.stderr.line("warning: no build goes on");
  for (const id of stopped) app.stdout.line(id);
}

async function stopAll(engine: EngineClient): Promise<readonly string[]> {
  return parseAnswer(BuilderStopReply, await engine.post("/build/stop", {}, NO_DEADLINE)).stopped;
}

/** @throws {CtrError} `invalid-state` while a build goes on, unless forced. */
export async function deleteBuilder(app: App, flags: { readonly force?: boolean }): Promise<void> {
  const engine = await app.engine();
  const { builds } = await readStatus(engine);
  if (builds.length > 0) {
    if (!flags.force) {
      throw new CtrError("invalid-state", `cannot delete the builder: ${count(builds.length)} on`, {
        hint: 'stop it with "ctr builder stop", or use -f',
      });
    }
    await stopAll(engine);
  }
  await prune(app, engine, { all: true });
}

function count(builds: number): string {
  return builds === 1 ? "a build goes" : `${builds} builds go`;
}

interface UsageFlags {
  readonly filter?: readonly string[];
  readonly verbose?: boolean;
  readonly format: Format;
}

/** Lists the records of the build cache, and their sum on standard error. */
export async function cacheUsage(app: App, flags: UsageFlags): Promise<void> {
  const engine = await app.engine();
  const query = new URLSearchParams();
  for (const filter of checkedFilters(flags.filter)) query.append("filter", filter);
  const answer = await engine.get(`/build/cache?${query}`);
  const records = parseAnswer(z.array(BuildCacheRecord), answer);
  if (flags.verbose && flags.format === "table") {
    app.stdout.write(records.map(block).join("\n"));
  } else {
    await printList(app, records, {
      format: flags.format,
      header: ["ID", "RECLAIMABLE", "SIZE", "LAST USED", "DESCRIPTION"],
      row: (record) => [
        shortId(record.id),
        String(isReclaimable(record)),
        formatSize(record.sizeInBytes),
        ago(record.lastUsedAt),
        cut(printable(record.description)),
      ],
      id: (record) => record.id,
      fields,
    });
  }
  if (flags.format === "table") sum(app, records);
}

function isReclaimable({ inUse }: BuildCacheRecord): boolean {
  return !inUse;
}

/** JSON, `--verbose` and templates have the whole one. */
function shortId(id: string): string {
  return id.replace(/(?<=^|:)[0-9a-f]{64}$/, (digits) => digits.slice(0, 12)).replace(
    "sha256:",
    "",
  );
}

function ago(time: string): string {
  return `${roughly(Date.now() - Date.parse(time))} ago`;
}

const WIDTH = 72;

function cut(text: string): string {
  return text.length <= WIDTH ? text : `${text.slice(0, WIDTH - 1)}…`;
}

/** Docker's names for templates. */
function fields(record: BuildCacheRecord): Readonly<Record<string, unknown>> {
  return {
    ID: record.id,
    Parents: record.parents,
    CreatedAt: record.createdAt,
    LastUsedAt: record.lastUsedAt,
    UsageCount: record.usageCount,
    Reclaimable: isReclaimable(record),
    Shared: record.shared,
    Size: formatSize(record.sizeInBytes),
    Description: record.description,
    Type: record.type,
  };
}

function block(record: BuildCacheRecord): string {
  const lines: [string, string][] = [
    ["ID", record.id],
    ...record.parents.map((parent): [string, string] => ["Parent", parent]),
    ["Created", record.createdAt],
    ["Last used", ago(record.lastUsedAt)],
    ["Usage count", String(record.usageCount)],
    ["In use", String(record.inUse)],
    ["Shared", String(record.shared)],
    ["Size", formatSize(record.sizeInBytes)],
    ["Type", record.type],
    ["Description", printable(record.description)],
  ];
  return lines.map(([key, value]) => `${`${key}:`.padEnd(13)}${value}\n`).join("");
}

function sum(app: App, records: readonly BuildCacheRecord[]): void {
  const of = (some: readonly BuildCacheRecord[]) =>
    formatSize(some.reduce((all, { sizeInBytes }) => all + sizeInBytes, 0));
  const shared = of(records.filter((record) => record.shared));
  const free = of(records.filter(isReclaimable));
  app.stderr.line(`total ${of(records)}, shared ${shared}, reclaimable ${free}`);
}

interface PruneFlags {
  readonly all?: boolean;
  readonly filter?: readonly string[];
  readonly keepStorage?: string;
  readonly maxUsedSpace?: string;
}

/** Removes records and prints their identifiers. */
export async function pruneCache(app: App, flags: PruneFlags): Promise<void> {
  const filters = checkedFilters(flags.filter);
  const keep = flags.keepStorage ?? flags.maxUsedSpace;
  const keepBytes = keep === undefined ? {} : { keepBytes: parseSize(keep) };
  await prune(app, await app.engine(), { all: flags.all ?? false, filters, ...keepBytes });
}

async function prune(app: App, engine: EngineClient, request: object): Promise<void> {
  const answer = await engine.post("/build/prune", request, NO_DEADLINE);
  const { deleted, reclaimedBytes } = parseAnswer(BuildPruneReply, answer);
  for (const id of deleted) app.stdout.line(id);
  app.stderr.line(`Reclaimed ${formatSize(reclaimedBytes)} in disk space`);
}

function checkedFilters(texts: readonly string[] | undefined): readonly string[] {
  readFilters(texts?.map((text) => text.replace(/^([\w-]+)!=/, "$1=")), FILTERS);
  return texts ?? [];
}
