/** `type=local` and `type=tar`: the files of the target. */
import type { BuildOutput } from "../../api/mod.ts";
import { join } from "node:path";
import { formatPlatform } from "../../oci/mod.ts";
import { TAR_END, tarHeader } from "../../tar/mod.ts";
import { extractDisks, packDisks } from "../../unpack/mod.ts";
import type { Job } from "../job.ts";
import type { StageEnd } from "../stage/stage_run.ts";
import { sendTo, unwritable } from "./destination.ts";
import { TarRewriter } from "./tar_rewriter.ts";

type TreeOutput = Extract<BuildOutput, { type: "local" | "tar" }>;

export async function treeOutput(
  job: Job,
  ends: readonly StageEnd[],
  output: TreeOutput,
): Promise<void> {
  const split = output.platformSplit ?? ends.length > 1;
  const parts = await Promise.all(ends.map(async (end) => ({
    folder: split ? formatPlatform(end.platform).replaceAll("/", "_") : "",
    disks: (await (await end.root.settled()).disks(job.images)).map(({ path }) => path),
  })));
  const latestMtime = output.rewriteTimestamp ? job.epoch : undefined;
  if (output.type === "tar") {
    return await sendTo(
      output.dest,
      tarOf(parts, latestMtime),
      (event) => job.reporter.tell(event),
    );
  }
  const doing = `cannot write "${output.dest}"`;
  try {
    for (const { folder, disks } of parts) {
      const path = join(output.dest, folder);
      await Deno.mkdir(path, { recursive: true });
      const { skipped } = await extractDisks({
        disks,
        folder: path,
        latestMtime,
        doing,
        signal: job.signal,
      });
      if (skipped > 0) job.reporter.warn(`${skipped} devices were left out of "${output.dest}"`);
    }
  } catch (error) {
    throw unwritable(output.dest, error);
  }
}

interface Part {
  readonly folder: string;
  readonly disks: readonly string[];
}

async function* tarOf(
  parts: readonly Part[],
  latestMtime: number | undefined,
): AsyncGenerator<Uint8Array> {
  for (const { folder, disks } of parts) {
    if (folder !== "") yield tarHeader({ path: folder, type: "directory", mode: 0o755 });
    if (disks.length === 0) continue;
    const { bytes } = packDisks({ what: "tree", disks, doing: "cannot write the archive" });
    const rewriter = new TarRewriter(folder, latestMtime);
    for await (const piece of bytes) yield* rewriter.push(piece.slice());
    yield* rewriter.end();
  }
  yield TAR_END;
}
