import { formatSize, isCtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
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
  await eachTarget(app, targets, async (reference) => {
    try {
      const answer = await engine.post("/images/remove", {
        references: [reference],
        force: Boolean(flags.force),
      }, {}) as { reclaimedBytes: number };
      reclaimed += answer.reclaimedBytes;
    } catch (error) {
      if (flags.force && isCtrError(error, "not-found")) return;
      throw error;
    }
    app.stdout.line(reference);
  });
  if (reclaimed > 0) app.stderr.line(`reclaimed ${formatSize(reclaimed)}`);
}
