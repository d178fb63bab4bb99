/** The images of all platforms, and what names them together. */
import type { Descriptor } from "../../oci/mod.ts";
import type { Job } from "../job.ts";
import type { StageEnd } from "../stage/stage_run.ts";
import type { Extras } from "./annotations.ts";
import { formedLayers, type LayerForm } from "./forms.ts";
import { type BuiltImage, writeImage, writeIndex } from "./image.ts";

export interface Written {
  readonly images: readonly BuiltImage[];
  /** The manifest of one platform, the index of several. */
  readonly root: Descriptor;
}

/** Fields of the configuration of each image: the inline cache. */
export type ConfigFields = (end: StageEnd) => Promise<Readonly<Record<string, unknown>>>;

export async function writeAll(
  job: Job,
  ends: readonly StageEnd[],
  form: LayerForm,
  extras: Extras,
  fields: ConfigFields,
): Promise<Written> {
  const images = await Promise.all(ends.map(async (end) => {
    const root = await end.root.settled();
    const config = await fields(end);
    return await writeImage(job, end, await formedLayers(job, root, form), { ...extras, config });
  }));
  const wantsIndex = Object.keys(extras.indexAnnotations).length > 0 ||
    Object.keys(extras.descriptorAnnotations).length > 0;
  if (images.length === 1 && !wantsIndex) return { images, root: images[0]!.manifest };
  return { images, root: await writeIndex(job, images, extras) };
}
