/** COPY and ADD: what is taken, its key, and the layer that puts it into the stage. */
import { CtrError } from "../../core/mod.ts";
import { compileIgnore } from "../../dockerfile/mod.ts";
import { binaryOf } from "../../tar/mod.ts";
import { parseChmod } from "../copy/owner.ts";
import { LayerPlan } from "../copy/place.ts";
import type { Item } from "../copy/select.ts";
import { selectionDigest } from "../copy/selection_digest.ts";
import type { StoredLayer } from "../cache/step_records.ts";
import { ownerIn } from "../copy/stage_owner.ts";
import { keyOf } from "../key.ts";
import { DiskTree } from "../source/disk_tree.ts";
import type { Lookable } from "../source/resolve.ts";
import type { SourceNode } from "../source/tree.ts";
import { absolute } from "./config.ts";
import { type Group, groupsOf } from "./copy_sources.ts";
import { layerStep } from "./layer_step.ts";
import { foldersOf, type Root } from "./root.ts";
import type { Instruction, StageContext, StepEnd } from "./stage_context.ts";

type FileInstruction = Instruction<"COPY" | "ADD">;

export async function copyStep(
  context: StageContext,
  instruction: FileInstruction,
): Promise<StepEnd> {
  const { job, config } = context;
  const { chown, chmod, link, text } = instruction;
  const exclude = instruction.exclude.length > 0 ? compileIgnore(instruction.exclude) : undefined;
  const changeMode = chmod === undefined ? undefined : parseChmod(chmod);
  const destination = destinationOf(config, instruction.destination);
  const groups = await groupsOf(context, instruction, exclude);
  checkDestination(groups, destination);
  const doing = `cannot run "${text.slice(0, 100)}"`;
  const selections: string[] = [];
  for (const { tree, items, replace } of groups) {
    const nodes = items.flatMap(({ entries }) => entries.map(({ node }) => node));
    const contents = await job.digests.of(tree, nodes, { doing, signal: job.signal });
    selections.push(`${replace ? "unpack " : ""}${selectionDigest(items, contents)}`);
  }
  const root = await context.root.settled();
  const parent = link ? "" : root.chain;
  const key = keyOf("copy", {
    parent,
    link,
    destination,
    selections,
    chown: chown ?? null,
    // Names are looked up in the stage, which a layer of its own does not see otherwise.
    accounts: link && chown !== undefined ? root.chain : null,
    chmod: chmod ?? null,
    epoch: job.epoch ?? null,
  });
  return await layerStep(
    context,
    { key, parent: root.chain, description: text },
    () => make(context, root, groups, { destination, chown, changeMode, link, doing }),
  );
}

interface How {
  readonly destination: string;
  readonly chown: string | undefined;
  readonly changeMode: ((mode: number, isDirectory: boolean) => number) | undefined;
  readonly link: boolean;
  readonly doing: string;
}

async function make(
  { job }: StageContext,
  root: Root,
  groups: readonly Group[],
  { destination, chown, changeMode, link, doing }: How,
): Promise<StoredLayer | undefined> {
  using stage = new DiskTree(foldersOf(await root.disks(job.images)));
  const owner = chown === undefined ? undefined : ownerIn(stage, chown);
  const plan = new LayerPlan(link ? NOTHING : stage);
  const disks: string[] = [];
  for (const { tree, items, replace } of groups) {
    plan.place(items, {
      destination: binaryOf(destination),
      owner,
      chmod: changeMode,
      mtime: job.epoch,
      newMtime: job.epoch ?? latest(items),
      replace,
      diskOffset: disks.length,
    });
    disks.push(...tree.disks);
  }
  if (plan.isEmpty) return undefined;
  return await job.cache.make({ kind: "entries", entries: plan.entries(), disks }, doing);
}

/** Absolute; a slash at its end stays, for it says that it is a directory. */
function destinationOf(config: StageContext["config"], written: string): string {
  const path = absolute(config, written);
  const isFolder = /(?:^|\/)\.{0,2}$/.test(written);
  return isFolder && path !== "/" ? `${path}/` : path;
}

function checkDestination(groups: readonly Group[], destination: string): void {
  const sources = groups.reduce((sum, { sources }) => sum + sources, 0);
  if (sources < 2 || destination.endsWith("/")) return;
  throw new CtrError(
    "bad-data",
    `cannot copy to "${destination}": with several sources it must end with a slash`,
  );
}

/** New directories are as old as the newest thing in them: the day of the build makes no difference. */
function latest(items: readonly Item[]): number {
  let time = 0;
  for (const { entries } of items) {
    for (const { node } of entries) if (node.mtime > time) time = node.mtime;
  }
  return time;
}

const NOTHING: Lookable = {
  lookup: (path): SourceNode | undefined => path === "" ? EMPTY : undefined,
};

const EMPTY: SourceNode = {
  path: "",
  type: "directory",
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  devMajor: 0,
  devMinor: 0,
  linkTarget: "",
  xattrs: undefined,
  content: undefined,
  linkKey: undefined,
  stamp: undefined,
};
