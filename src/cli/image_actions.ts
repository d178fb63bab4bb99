import { z } from "zod";
import { formatSize, isCtrError, parseDurationMs } from "../core/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { familiarReference } from "./familiar.ts";
import { parseAnswer } from "./parse_answer.ts";
import { eachTarget } from "./targets.ts";

/** Gives an image a further reference and prints it. */
export async function tagImage(app: App, source: string, target: string): Promise<void> {
  const engine = await app.engine();
  await engine.post("/images/tag", { source, target });
  app.stdout.line(target);
}

/** Removes images and prints their references; what came free goes to standard error. */
export async function removeImages(
  app: App,
  references: readonly string[],
  flags: { readonly all?: boolean; readonly force?: boolean },
): Promise<void> {
  if (flags.all && references.length > 0) {
    throw usage("cannot use --all together with references: the two conflict");
  }
  if (!flags.all && references.length === 0) throw usage("want at least one image, or --all");
  const engine = await app.engine();
  const images = flags.all
    ? await engine.get("/images") as { configuration: { name: string } }[]
    : undefined;
  const targets = images?.map((image) => image.configuration.name) ?? references;
  let reclaimed = 0;
  let removed = false;
  await eachTarget(app, targets, async (reference) => {
    try {
      const answer = await engine.post("/images/remove", {
        references: [reference],
        force: Boolean(flags.force),
      }, {}) as { reclaimedBytes: number };
      reclaimed += answer.reclaimedBytes;
      removed = true;
    } catch (error) {
      if (flags.force && isCtrError(error, "not-found")) return;
      throw error;
    }
    app.stdout.line(reference);
  });
  if (removed) app.stderr.line(`Reclaimed ${formatSize(reclaimed)} in disk space`);
}

const Pruned = z.object({
  removed: z.array(z.string()),
  deleted: z.array(z.string()),
  reclaimedBytes: z.number(),
});

/** Removes what has no name, or what nobody uses, and prints a line for each thing that went. */
export async function pruneImages(
  app: App,
  flags: { readonly all?: boolean; readonly filter?: readonly string[] },
): Promise<void> {
  const request = { all: Boolean(flags.all), ...pruneFilters(flags.filter ?? []) };
  const engine = await app.engine();
  const answer = await engine.post("/images/prune", request, {});
  const { removed, deleted, reclaimedBytes } = parseAnswer(Pruned, answer);
  const lines = [
    ...removed.map((reference) => `untagged ${familiarReference(reference)}\n`),
    ...deleted.map((digest) => `deleted ${digest}\n`),
  ];
  app.stdout.write(lines.join(""));
  app.stderr.line(`Reclaimed ${formatSize(reclaimedBytes)} in disk space`);
}

function pruneFilters(filters: readonly string[]) {
  const labels: { name: string; value?: string; not: boolean }[] = [];
  let until: string | undefined;
  for (const filter of filters) {
    const [, kind = "", not = "", text = ""] = /^([a-z]+)(!?)=(.+)$/.exec(filter) ?? [];
    if (kind === "until" && not === "") until = timeOf(filter, text);
    else if (kind === "label") {
      const [name = "", ...value] = text.split("=");
      labels.push({ name, ...(value.length > 0 && { value: value.join("=") }), not: not === "!" });
    } else throw usage(`cannot use --filter "${filter}": want until=TIME or label=KEY[=VALUE]`);
  }
  return { labels, ...(until !== undefined && { until }) };
}

/** A moment, or how long ago it was. */
function timeOf(filter: string, text: string): string {
  const ms = /^\d{9,11}$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (!Number.isNaN(ms) && /^\d{4}-|^\d{9,11}$/.test(text)) return new Date(ms).toISOString();
  try {
    return new Date(Date.now() - parseDurationMs(text)).toISOString();
  } catch {
    throw usage(`cannot use --filter "${filter}": want a time, or a duration such as 24h`);
  }
}
