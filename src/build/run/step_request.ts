import { CtrError } from "../../core/mod.ts";
import { guestInterfaces, HOST_GATEWAY, HOST_NAMES, RESOLVER } from "../../network/mod.ts";
import {
  DEFAULT_CAPABILITIES,
  type ListenSpec,
  type LowerSpec,
  MASKED_PATHS,
  type MountSpec,
  READONLY_PATHS,
  type RootfsSpec,
  type StartContainer,
} from "../../vm/mod.ts";
import { type BuilderVm, CACHE_SERIAL, SCRATCH_SERIAL } from "./builder_vm.ts";
import type { RunStep, SessionOptions, StepMount, Tree } from "./types.ts";

/** A fork bomb ends here, not in the guest's memory. */
const PIDS = 32_768;
const MAX_SECRET_BYTES = 500 * 1024;

/** What a step is run with beside what it says. */
export interface StepPlace {
  readonly vm: BuilderVm;
  readonly session: Pick<SessionOptions, "dns">;
  /** In the guest, of this step alone; letters, digits and `-`. */
  readonly id: string;
  readonly lowers: readonly LowerSpec[];
  /** How trees of mounts are made. */
  readonly treeOf: (tree: Tree) => Promise<readonly LowerSpec[]>;
  /** Folders of caches, by mount. */
  readonly caches: ReadonlyMap<StepMount, string>;
  readonly search: readonly string[];
}

/** A folder of the scratch disk. */
export function scratchFolder(id: string): string {
  return `steps/${id}`;
}

/** What binds of a step may be written to, and is lost. */
export function bindFolder(id: string, at: number): string {
  return `steps/${id}.bind${at}`;
}

/** A root on the scratch disk; without a folder it cannot be written to. */
function rootOf(lowers: readonly LowerSpec[], upperFolder?: string): RootfsSpec {
  return {
    lowers,
    upperSerial: SCRATCH_SERIAL,
    volatile: true,
    ...(upperFolder !== undefined && { upperFolder }),
  };
}

/**
 * What the guest is told to run a step.
 *
 * @throws {CtrError} `too-large` for a secret, `usage` for the host's address where there is no way to it.
 */
export async function stepRequest(step: RunStep, place: StepPlace): Promise<StartContainer> {
  const { id, lowers } = place;
  const privileged = step.security === "insecure";
  return {
    containerId: id,
    rootfs: rootOf(lowers, scratchFolder(id)),
    process: {
      id,
      args: step.args,
      env: environment(step),
      cwd: step.cwd,
      user: step.user,
      additionalGids: [],
      terminal: false,
      rows: 0,
      columns: 0,
      input: false,
      security: {
        capabilities: DEFAULT_CAPABILITIES.map((name) => `CAP_${name}`),
        noNewPrivileges: false,
        privileged,
      },
      rlimits: (step.rlimits ?? []).map(({ type, soft, hard }) => ({
        type: `RLIMIT_${type.toUpperCase()}`,
        soft,
        hard,
      })),
    },
    ...network(step, place),
    limits: { memoryBytes: 0, cpuQuotaUs: 0, pids: PIDS },
    mounts: await mounts(step, place),
    listeners: sshListeners(step, id),
    hostname: step.hostname,
    privileged,
    maskedPaths: privileged ? [] : MASKED_PATHS,
    readonlyPaths: privileged ? [] : READONLY_PATHS,
    sysctls: {},
    shmBytes: step.shmBytes,
    init: false,
  };
}

/** Programs find the agent by a variable. */
function environment({ env, mounts }: RunStep): readonly string[] {
  const agent = mounts.find((mount) => mount.kind === "ssh");
  const has = env.some((each) => each.startsWith("SSH_AUTH_SOCK="));
  return agent && !has ? [...env, `SSH_AUTH_SOCK=${agent.target}`] : env;
}

function network(
  step: RunStep,
  { vm, session: { dns }, search }: StepPlace,
): Pick<StartContainer, "network" | "hosts" | "noNetwork"> {
  const none = step.network === "none";
  const endpoint = none ? undefined : vm.endpoint;
  const servers = dns?.servers ?? [];
  const host = endpoint?.host[0];
  return {
    noNetwork: none,
    network: {
      interfaces: endpoint ? guestInterfaces([endpoint]) : [],
      nameservers: servers.length > 0 || none ? servers : [RESOLVER],
      search: dns && dns.search.length > 0 || none ? dns?.search ?? [] : search,
      options: dns?.options ?? [],
      domain: "",
      keepResolvConf: false,
    },
    hosts: [
      ...none && step.hostname !== "" ? [{ address: "127.0.0.1", names: [step.hostname] }] : [],
      ...step.addHosts.map((each) => each.address === HOST_GATEWAY ? atHost(each, host) : each),
      ...host === undefined ? [] : [{ address: host, names: HOST_NAMES }],
    ],
  };
}

function atHost(entry: RunStep["addHosts"][number], host: string | undefined) {
  if (host !== undefined) return { ...entry, address: host };
  throw new CtrError("usage", "cannot run the step: it has no access to the host", {
    hint: `leave out --add-host …:${HOST_GATEWAY}`,
  });
}

/** What is mounted below another mount comes behind it. */
async function mounts(step: RunStep, place: StepPlace): Promise<MountSpec[]> {
  const made = await Promise.all(step.mounts.map((mount, at) => mountOf(mount, at, place)));
  return made.flatMap((each) => each ?? []).sort((a, b) =>
    depth(a.destination) - depth(b.destination)
  );
}

async function mountOf(
  mount: StepMount,
  at: number,
  place: StepPlace,
): Promise<MountSpec | undefined> {
  const options = "readonly" in mount && mount.readonly ? ["ro"] : [];
  const common = { source: "", destination: mount.target, options };
  switch (mount.kind) {
    case "bind": {
      const lowers = await place.treeOf(mount.from);
      const upper = mount.readonly ? undefined : bindFolder(place.id, at);
      return { ...common, type: "root", root: rootOf(lowers, upper), ...subpath(mount.from) };
    }
    case "cache": {
      const { mode, uid, gid, from } = mount;
      const first = from && {
        root: rootOf(await place.treeOf(from)),
        fillFrom: from.path ?? "/",
      };
      const folder = place.caches.get(mount)!;
      const made = { mode, uid, gid, ...first };
      return { ...common, type: "disk", source: CACHE_SERIAL, subpath: folder, ...made };
    }
    case "secret": {
      const { content, mode, uid, gid } = mount;
      if (content.length > MAX_SECRET_BYTES) {
        const fact = `it has ${content.length} bytes, more than ${MAX_SECRET_BYTES}`;
        throw new CtrError("too-large", `cannot mount a secret at "${mount.target}": ${fact}`);
      }
      return { ...common, type: "file", options: ["ro"], content, mode, uid, gid };
    }
    case "tmpfs": {
      const size = mount.sizeBytes > 0 ? [`size=${mount.sizeBytes}`] : [];
      return { ...common, type: "tmpfs", source: "tmpfs", options: ["nosuid", ...size] };
    }
    case "ssh":
      return undefined; // a socket, not a mount
  }
}

function subpath({ path }: Tree): { readonly subpath?: string } {
  return path === undefined ? {} : { subpath: path };
}

/** Sockets of the step behind which is the caller's agent, in the order of its mounts. */
function sshListeners(step: RunStep, id: string): ListenSpec[] {
  return step.mounts.flatMap((mount, at) =>
    mount.kind === "ssh"
      ? [{
        id: listenerId(id, at),
        path: mount.target,
        mode: mount.mode,
        uid: mount.uid,
        gid: mount.gid,
      }]
      : []
  );
}

export function listenerId(id: string, at: number): string {
  return `${id}-ssh${at}`;
}

function depth(path: string): number {
  return path.split("/").filter((word) => word !== "").length;
}
