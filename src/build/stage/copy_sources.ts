/** Where COPY and ADD take what they name from. */
import { CtrError } from "../../core/mod.ts";
import type { IgnoreMatcher } from "../../dockerfile/mod.ts";
import { type Item, select } from "../copy/select.ts";
import { unpackAdded } from "../source/add_archive.ts";
import { DiskTree } from "../source/disk_tree.ts";
import { parseGitReference } from "../source/git.ts";
import { TextTree } from "../source/text_tree.ts";
import type { SourceNode, SourceTree } from "../source/tree.ts";
import { foldersOf } from "./root.ts";
import type { Instruction, Origin, StageContext } from "./stage_context.ts";

/** Things from one tree that are placed in one way. */
export interface Group {
  readonly tree: SourceTree;
  readonly items: readonly Item[];
  /** What is in the way goes: an archive's content. */
  readonly replace: boolean;
  /** How many sources of the instruction it stands for. */
  readonly sources: number;
}

type FileInstruction = Instruction<"COPY" | "ADD">;

export async function groupsOf(
  context: StageContext,
  instruction: FileInstruction,
  exclude: IgnoreMatcher | undefined,
): Promise<Group[]> {
  const { parents, inline, sources } = instruction;
  const groups: Group[] = [];
  const plain: string[] = [];
  for (const source of sources) {
    const remote = instruction.keyword === "ADD"
      ? await remoteGroup(context, instruction, source, exclude)
      : undefined;
    if (remote) groups.push(...remote);
    else plain.push(source);
  }
  if (plain.length > 0) {
    const from = instruction.keyword === "COPY" ? instruction.from : undefined;
    const tree = await treeOf(context, await context.origin(from));
    const where = from === undefined ? "the context" : `"${from}"`;
    const items = select(tree, plain, { parents, exclude, where });
    const group = { tree, items, replace: false, sources: plain.length };
    const unpacks = instruction.keyword === "ADD" && instruction.unpack !== false;
    groups.push(...unpacks ? await unpacked(context, group, exclude) : [group]);
  }
  if (inline.length > 0) groups.push(inlineGroup(inline));
  return groups;
}

/** A stage's or an image's files, or a context. It is kept open until the build ends. */
export async function treeOf({ job }: StageContext, origin: Origin): Promise<SourceTree> {
  if (origin.kind === "tree") return origin.tree;
  if (origin.kind === "image") {
    const { disks } = origin.image.base;
    return job.sources.keep(
      new DiskTree(foldersOf(disks), { identity: `disks:${disks.map((d) => d.diffId).join()}` }),
    );
  }
  const root = await origin.root.settled();
  const disks = await root.disks(job.images);
  return job.sources.keep(new DiskTree(foldersOf(disks), { identity: `disks:${root.chain}` }));
}

function inlineGroup(inline: FileInstruction["inline"]): Group {
  const tree = new TextTree(inline);
  const items = tree.children("").map((node) => itemOf(node));
  return { tree, items, replace: false, sources: inline.length };
}

function itemOf(node: SourceNode): Item {
  return { name: node.path, isDirectory: false, entries: [{ path: "", node }] };
}

/** What ADD fetches from an address. Undefined: it is a path. */
async function remoteGroup(
  context: StageContext,
  instruction: Instruction<"ADD">,
  source: string,
  exclude: IgnoreMatcher | undefined,
): Promise<Group[] | undefined> {
  const { sources } = context.job;
  const { checksum, keepGitDir, parents, unpack } = instruction;
  if (parseGitReference(source)) {
    const tree = await sources.fetchGit(source, keepGitDir);
    const items = select(tree, ["."], { parents: false, exclude, where: `"${source}"` });
    return [{ tree, items, replace: false, sources: 1 }];
  }
  if (!/^https?:\/\//i.test(source)) {
    if (checksum === undefined) return undefined;
    throw new CtrError(
      "bad-data",
      `cannot add "${source}": a checksum is of what is fetched by HTTP`,
    );
  }
  if (parents) throw new CtrError("bad-data", `cannot add "${source}": it has no parents to keep`);
  const tree = await sources.fetchUrl(source, checksum);
  const items = tree.children("").map((node) => itemOf({ ...node, mode: 0o600 }));
  const group = { tree, items, replace: false, sources: 1 };
  return unpack === true ? await unpacked(context, group, exclude) : [group];
}

/** Takes archives out of a group: their content is what is added. */
async function unpacked(
  context: StageContext,
  group: Group,
  exclude: IgnoreMatcher | undefined,
): Promise<Group[]> {
  const { job } = context;
  const groups: Group[] = [];
  const left: Item[] = [];
  for (const item of group.items) {
    const node = item.entries[0]?.node;
    const doing = `cannot unpack "${item.name}"`;
    const tree = item.isDirectory || node?.type !== "file"
      ? undefined
      : await unpackAdded(group.tree, node, job.folder, { doing, signal: job.signal });
    if (!tree) {
      left.push(item);
      continue;
    }
    job.sources.keep(tree);
    const items = select(tree, ["."], { parents: false, exclude, where: `"${item.name}"` });
    groups.push({ tree, items, replace: true, sources: 0 });
  }
  return [{ ...group, items: left }, ...groups];
}
