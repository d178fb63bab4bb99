/** What `RUN --mount` asks for, resolved: what it is for the key, and what is mounted. */
import { join } from "node:path";
import { CtrError } from "../../core/mod.ts";
import type { RunMount } from "../../dockerfile/mod.ts";
import { binaryOf } from "../../tar/mod.ts";
import { makeLayer } from "../../unpack/mod.ts";
import { LayerPlan } from "../copy/place.ts";
import { type Item, select } from "../copy/select.ts";
import { selectionDigest } from "../copy/selection_digest.ts";
import type { StepMount, Tree } from "../run/types.ts";
import { TextTree } from "../source/text_tree.ts";
import type { SourceTree } from "../source/tree.ts";
import { absolute } from "./config.ts";
import type { StageContext } from "./stage_context.ts";

export interface ResolvedMount {
  /** What of it belongs to the key: never a secret. */
  readonly identity: unknown;
  /** Undefined: there is nothing to mount. */
  open(): Promise<StepMount | undefined>;
  /** A variable that a secret is in; no key has it. */
  readonly env?: readonly [string, string] | undefined;
}

export async function resolveMounts(
  context: StageContext,
  mounts: readonly RunMount[],
): Promise<ResolvedMount[]> {
  let sockets = 0;
  return await Promise.all(mounts.map((mount) => {
    switch (mount.type) {
      case "bind":
        return bindMount(context, mount);
      case "cache":
        return cacheMount(context, mount);
      case "tmpfs":
        return tmpfsMount(context, mount);
      case "secret":
        return secretMount(context, mount);
      case "ssh":
        return sshMount(context, mount, sockets++);
    }
  }));
}

type Mount<T extends RunMount["type"]> = Extract<RunMount, { readonly type: T }>;

/** Files that are mounted, and the digest of what they are. */
interface Bound {
  readonly digest: string;
  tree(): Promise<Tree>;
}

async function bindMount(context: StageContext, mount: Mount<"bind">): Promise<ResolvedMount> {
  const bound = await bind(context, mount.from, mount.source);
  const target = absolute(context.config, mount.target);
  return {
    identity: ["bind", target, bound.digest, mount.readWrite],
    open: async () => ({
      kind: "bind",
      target,
      from: await bound.tree(),
      readonly: !mount.readWrite,
    }),
  };
}

async function cacheMount(context: StageContext, mount: Mount<"cache">): Promise<ResolvedMount> {
  const bound = mount.from === undefined
    ? undefined
    : await bind(context, mount.from, mount.source);
  const { sharing, readOnly, mode, uid, gid } = mount;
  const target = absolute(context.config, mount.target);
  return {
    identity: ["cache", target, mount.id, bound?.digest ?? ""],
    open: async () => ({
      kind: "cache",
      target,
      id: mount.id,
      sharing,
      from: await bound?.tree(),
      readonly: readOnly,
      mode,
      uid,
      gid,
    }),
  };
}

function tmpfsMount({ config }: StageContext, mount: Mount<"tmpfs">): ResolvedMount {
  const target = absolute(config, mount.target);
  const sizeBytes = mount.sizeBytes ?? 0;
  return {
    identity: ["tmpfs", target, sizeBytes],
    open: () => Promise.resolve({ kind: "tmpfs", target, sizeBytes }),
  };
}

function secretMount({ job, config }: StageContext, mount: Mount<"secret">): ResolvedMount {
  const { id, mode, uid, gid } = mount;
  const secret = job.request.secrets.find((each) => each.id === id);
  if (!secret && mount.required) {
    throw new CtrError("not-found", `cannot mount the secret "${id}": it was not given`, {
      hint: `give it with --secret id=${id},src=FILE`,
    });
  }
  const content = secret && Uint8Array.fromBase64(secret.value);
  const target = mount.target === undefined ? undefined : absolute(config, mount.target);
  return {
    identity: ["secret", id, target ?? "", mount.env ?? "", mode, uid, gid, secret !== undefined],
    open: () =>
      Promise.resolve(
        content && target !== undefined
          ? { kind: "secret", target, content, mode, uid, gid }
          : undefined,
      ),
    ...(content && mount.env !== undefined && {
      env: [mount.env, new TextDecoder().decode(content)] as const,
    }),
  };
}

function sshMount({ job, config }: StageContext, mount: Mount<"ssh">, at: number): ResolvedMount {
  const { id, mode, uid, gid } = mount;
  const agent = job.request.ssh.find((each) => each.id === id);
  if (!agent && mount.required) {
    throw new CtrError("not-found", `cannot mount the agent "${id}": it was not given`, {
      hint: `give it with --ssh ${id}`,
    });
  }
  const target = absolute(config, mount.target ?? `/run/buildkit/ssh_agent.${at}`);
  return {
    identity: ["ssh", id, target, mode, uid, gid, agent !== undefined],
    open: () =>
      Promise.resolve(agent && { kind: "ssh", target, socket: agent.socket, mode, uid, gid }),
    ...(agent && mount.target === undefined && { env: ["SSH_AUTH_SOCK", target] as const }),
  };
}

async function bind(
  context: StageContext,
  from: string | undefined,
  source: string,
): Promise<Bound> {
  const { job } = context;
  const origin = await context.origin(from);
  if (origin.kind === "tree") return await bindTree(context, origin.tree, source);
  if (origin.kind === "image") {
    const { base, digest } = origin.image;
    const path = source;
    return {
      digest: `${digest} ${source}`,
      tree: () => Promise.resolve({ lowers: base.disks, path }),
    };
  }
  const root = await origin.root.settled();
  return {
    digest: `${root.chain} ${source}`,
    tree: async () => ({ lowers: await root.disks(job.images), path: source }),
  };
}

/** Of a context only what is mounted is put on a disk, when a step must run. */
async function bindTree(context: StageContext, tree: SourceTree, source: string): Promise<Bound> {
  const { job } = context;
  const doing = `cannot mount "${source}"`;
  const where = "the context";
  const items = select(tree, [source], { parents: false, exclude: undefined, where });
  const nodes = items.flatMap(({ entries }) => entries.map(({ node }) => node));
  const contents = await job.digests.of(tree, nodes, { doing, signal: job.signal });
  const digest = selectionDigest(items, contents);
  return {
    digest,
    tree: () => job.sources.once(`bind ${digest}`, () => boundDisk(context, tree, items, doing)),
  };
}

async function boundDisk(
  { job }: StageContext,
  tree: SourceTree,
  items: readonly Item[],
  doing: string,
): Promise<Tree> {
  using empty = new TextTree([]);
  const plan = new LayerPlan(empty);
  const single = items.length === 1 && !items[0]!.isDirectory;
  plan.place(items, {
    destination: single ? binaryOf("/file") : "/root/",
    owner: undefined,
    chmod: undefined,
    mtime: undefined,
    newMtime: 0,
    replace: true,
    diskOffset: 0,
  });
  const name = join(job.folder, crypto.randomUUID());
  const [blob, disk] = [`${name}.blob`, `${name}.ext4`];
  const content = { kind: "entries" as const, entries: plan.entries(), disks: tree.disks };
  const { diffId } = await makeLayer({
    content,
    blob,
    disk,
    compression: "none",
    doing,
    signal: job.signal,
  });
  await Deno.remove(blob);
  return { lowers: [{ path: disk, diffId }], path: single ? "file" : "root" };
}
