/** WORKDIR makes its directory if the stage has none. */
import type { ValueInstruction } from "../../dockerfile/mod.ts";
import { binaryOf } from "../../tar/mod.ts";
import { LayerPlan } from "../copy/place.ts";
import { ownerIn } from "../copy/stage_owner.ts";
import { keyOf } from "../key.ts";
import { DiskTree } from "../source/disk_tree.ts";
import { resolveNode } from "../source/resolve.ts";
import { absolute, userOf } from "./config.ts";
import { layerStep } from "./layer_step.ts";
import { foldersOf } from "./root.ts";
import type { StageContext, StepEnd } from "./stage_context.ts";

export async function workdirStep(
  context: StageContext,
  instruction: ValueInstruction,
): Promise<StepEnd> {
  const { job, config } = context;
  const root = await context.root.settled();
  const path = binaryOf(absolute(config, instruction.value));
  const parent = root.chain;
  const user = userOf(config);
  const key = keyOf("workdir", { parent, path, user, epoch: job.epoch });
  return await layerStep(context, { key, parent, description: instruction.text }, async () => {
    using stage = new DiskTree(foldersOf(await root.disks(job.images)));
    const plan = new LayerPlan(stage);
    const parentTime = nearest(stage, path);
    const owner = user === "" ? undefined : ownerIn(stage, user);
    if (!plan.makeDirectory(path, job.epoch ?? parentTime, owner)) return undefined;
    return await job.cache.make(
      { kind: "entries", entries: plan.entries(), disks: [] },
      `cannot make "${instruction.value}"`,
    );
  });
}

/** A new directory is as old as the one that it is made in: the day of the build makes no difference. */
function nearest(stage: DiskTree, path: string): number {
  const parts = path.split("/").filter((part) => part !== "");
  for (; parts.length > 0; parts.pop()) {
    const node = resolveNode(stage, parts.join("/"));
    if (node) return node.mtime;
  }
  return stage.lookup("")?.mtime ?? 0;
}
