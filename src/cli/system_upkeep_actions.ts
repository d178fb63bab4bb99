import {
  type ObjectUsage,
  SystemCheck,
  SystemDf,
  SystemPruneReply,
  VerboseDf,
} from "../api/mod.ts";
import { formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { familiarReference } from "./familiar.ts";
import { prettyJson } from "./json.ts";
import { type Format, printList } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";

/** What removes much takes as long as it takes. */
const NO_DEADLINE = {};

interface UsageFlags {
  readonly format: Format;
  readonly verbose?: boolean;
}

/** Tells what takes how much of the host's disk, and how much of it would come back. */
export async function diskUsage(app: App, flags: UsageFlags): Promise<void> {
  const engine = await app.engine();
  if (flags.verbose) return await verboseUsage(app, flags, await engine.get("/df?verbose=1"));
  const answer = parseAnswer(SystemDf, await engine.get("/df"));
  if (flags.format === "json") return app.stdout.line(prettyJson(answer));
  const kinds = [
    { type: "Images", ...answer.images },
    { type: "Containers", ...answer.containers },
    { type: "Local Volumes", ...answer.volumes },
    { type: "Build Cache", ...answer.buildCache },
  ];
  await printList(app, kinds, {
    format: flags.format,
    header: ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE", "LOGICAL"],
    row: (each) => [
      each.type,
      String(each.total),
      String(each.active),
      formatSize(each.sizeInBytes),
      reclaimable(each),
      formatSize(each.logicalInBytes),
    ],
    id: ({ type }) => type,
    fields: (each) => ({
      Type: each.type,
      TotalCount: each.total,
      Active: each.active,
      Size: formatSize(each.sizeInBytes),
      Reclaimable: reclaimable(each),
    }),
  });
}

function reclaimable({ sizeInBytes, reclaimable }: SystemDf["images"]): string {
  const share = sizeInBytes === 0 ? 0 : Math.round(reclaimable / sizeInBytes * 100);
  return reclaimable === 0 ? "0 B" : `${formatSize(reclaimable)} (${share}%)`;
}

async function verboseUsage(app: App, flags: UsageFlags, answer: unknown): Promise<void> {
  const found = parseAnswer(VerboseDf, answer);
  if (flags.format === "json") return app.stdout.line(prettyJson(found));
  const objects = [
    ...found.images.map((each) => ({ type: "image", ...each, name: familiarReference(each.name) })),
    ...found.containers.map((each) => ({ type: "container", ...each })),
    ...found.volumes.map((each) => ({ type: "volume", ...each })),
    ...found.buildCache.map((each) => ({ type: "build cache", ...each })),
  ];
  await printList<ObjectUsage & { type: string }>(app, objects, {
    format: flags.format,
    header: ["TYPE", "NAME", "ACTIVE", "SIZE", "SHARED", "LOGICAL", "CREATED"],
    row: (each) => [
      each.type,
      each.name,
      each.active ? "yes" : "no",
      formatSize(each.sizeInBytes),
      each.sharedInBytes === undefined ? "" : formatSize(each.sharedInBytes),
      formatSize(each.logicalInBytes),
      each.createdAt,
    ],
    id: (each) => each.name,
  });
}

interface PruneFlags {
  readonly all?: boolean;
  readonly volumes?: boolean;
  readonly filter?: readonly string[];
}

/** Removes what nothing needs, and prints a line for each thing that went. */
export async function pruneSystem(app: App, flags: PruneFlags): Promise<void> {
  const engine = await app.engine();
  const answer = await engine.post("/prune", {
    all: Boolean(flags.all),
    volumes: Boolean(flags.volumes),
    filters: flags.filter ?? [],
  }, NO_DEADLINE);
  const pruned = parseAnswer(SystemPruneReply, answer);
  app.stdout.write(
    [
      ...pruned.containers.map((id) => `container ${id}`),
      ...pruned.networks.map((name) => `network ${name}`),
      ...pruned.volumes.map((name) => `volume ${name}`),
      ...pruned.untagged.map((reference) => `untagged ${familiarReference(reference)}`),
      ...pruned.deleted.map((digest) => `deleted ${digest}`),
      ...pruned.buildCache.map((id) => `build cache ${id}`),
    ].map((line) => `${line}\n`).join(""),
  );
  app.stderr.line(`Reclaimed ${formatSize(pruned.reclaimedBytes)} in disk space`);
}

interface CheckFlags {
  readonly repair?: boolean;
  readonly format: string;
}

/** Tells what does not agree: records, files, processes. Ends with 1 when something does not. */
export async function checkSystem(app: App, flags: CheckFlags): Promise<void> {
  if (flags.format !== "table" && flags.format !== "json") {
    throw usage(`cannot use --format "${flags.format}": want table or json`);
  }
  const engine = await app.engine();
  const answer = await engine.post("/check", { repair: Boolean(flags.repair) }, NO_DEADLINE);
  const found = parseAnswer(SystemCheck, answer);
  if (found.problems.length > 0) app.exitStatus = 1;
  if (flags.format === "json") return app.stdout.line(prettyJson(found));
  for (const problem of found.repaired) app.stdout.line(`repaired: ${problem}`);
  for (const problem of found.problems) app.stdout.line(problem);
}
