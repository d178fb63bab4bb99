/** What is made of a build: images, archives, files. */
import { BuildOutput, type BuildResult } from "../../api/mod.ts";
import { CtrError } from "../../core/mod.ts";
import { formatPlatform, parseReference } from "../../oci/mod.ts";
import type { Job } from "../job.ts";
import type { StageEnd } from "../stage/stage_run.ts";
import { archiveOutput } from "./archive_output.ts";
import { imageOutput, type NamedImage } from "./image_output.ts";
import { treeOutput } from "./tree_output.ts";
import type { ConfigFields, Written } from "./write_all.ts";

/** What outputs have found out, for the answer. */
export type OutputEnd = Omit<BuildResult, "steps">;

const NOTHING: OutputEnd = { images: [], platforms: [], written: [], metadata: {} };

/** @param config Fields of each image's configuration: the inline cache. */
export async function makeOutputs(
  job: Job,
  ends: readonly StageEnd[],
  config: ConfigFields,
): Promise<OutputEnd> {
  const { outputs } = job.request;
  let all = NOTHING;
  const wanted = outputs.length > 0 ? outputs : [BuildOutput.parse({ type: "image" })];
  for (const [at, output] of wanted.entries()) {
    const title = titleOf(output);
    const step = job.reporter.step({ id: `export.${at}`, title }, false);
    try {
      all = joined(all, await makeOutput(job, ends, output, config));
      step.end();
    } catch (error) {
      step.end(error);
      throw error;
    }
  }
  return all;
}

function titleOf(output: BuildOutput): string {
  if (output.type === "cacheonly") return "keep the cache alone";
  if (output.type === "image") return "export image";
  return `export ${output.type} to ${output.dest === "-" ? "standard output" : output.dest}`;
}

async function makeOutput(
  job: Job,
  ends: readonly StageEnd[],
  output: BuildOutput,
  config: ConfigFields,
): Promise<OutputEnd> {
  switch (output.type) {
    case "image": {
      const { named, pushed, ...made } = await imageOutput(job, ends, output, config);
      const written = pushed.map((dest) => ({ type: "registry", dest }));
      return { ...imageEnd(made, named), written };
    }
    case "oci":
    case "docker": {
      const made = await archiveOutput(job, ends, output, config);
      return { ...imageEnd(made, []), written: [{ type: output.type, dest: output.dest }] };
    }
    case "local":
    case "tar":
      await treeOutput(job, ends, output);
      return { ...NOTHING, written: [{ type: output.type, dest: output.dest }] };
    case "cacheonly":
      for (const { root } of ends) await root.settled();
      return NOTHING;
  }
}

function imageEnd({ images, root }: Written, named: readonly NamedImage[]): OutputEnd {
  const config = images.length === 1 ? images[0]!.config.digest : undefined;
  return {
    digest: root.digest,
    ...(config !== undefined && { configDigest: config }),
    images: [...named],
    platforms: images.map(({ platform, manifest }) => ({
      platform: formatPlatform(platform),
      digest: manifest.digest,
    })),
    written: [],
    metadata: { "containerimage.descriptor": root },
  };
}

function joined(a: OutputEnd, b: OutputEnd): OutputEnd {
  return {
    ...a,
    ...b,
    images: [...a.images, ...b.images],
    platforms: b.platforms.length > 0 ? b.platforms : a.platforms,
    written: [...a.written, ...b.written],
    metadata: { ...a.metadata, ...b.metadata },
  };
}

/** @throws {CtrError} `usage` for what cannot be a name, before anything is built. */
export function checkNames(names: readonly string[]): void {
  for (const name of names) {
    if (parseReference(name).digest === undefined) continue;
    throw new CtrError("usage", `cannot build "${name}": a digest cannot be chosen`);
  }
}
