/** A step that makes a layer from files alone: looked up, or made once however many need it. */
import type { StoredLayer } from "../cache/step_records.ts";
import type { StageContext, StepEnd } from "./stage_context.ts";

/**
 * @param parent Chain of what the step begins with.
 * @param make Undefined: the step changes nothing.
 */
export async function layerStep(
  context: StageContext,
  { key, parent, description }: { key: string; parent: string; description: string },
  make: () => Promise<StoredLayer | undefined>,
): Promise<StepEnd> {
  const { job, report, noCache, root, onMiss } = context;
  const settled = await root.settled();
  return await job.locks.run(key, job.signal, async () => {
    const found = noCache ? undefined : await job.cache.find(key, description, parent);
    if (found) {
      report.cached();
      return { root: settled.with(found.layer), step: Promise.resolve(found) };
    }
    onMiss();
    const layer = await make();
    const step = job.cache.add(key, layer, description, parent);
    report.end();
    return { root: settled.with(layer), step: Promise.resolve(step) };
  });
}
