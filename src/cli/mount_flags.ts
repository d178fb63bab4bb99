import type { CreateRequestInput, MountSpec } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { readMount, type Tmpfs } from "./mount_key_values.ts";
import { checkedVolumeName, containerPath, hostPath, kindOfSource } from "./mount_paths.ts";
import { tmpfs } from "./settings.ts";

export interface MountFlags {
  readonly volume?: readonly string[];
  readonly mount?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly volumesFrom?: readonly string[];
  readonly publishSocket?: readonly string[];
  readonly ssh?: boolean;
}

type Mounts = Pick<
  CreateRequestInput,
  "mounts" | "tmpfs" | "volumesFrom" | "publishedSockets" | "sshAgent"
>;

/** Everything that is mounted or forwarded. Fields without a flag are left out. */
export async function mountRequest(app: App, flags: MountFlags): Promise<Mounts> {
  const mounts: MountSpec[] = [];
  const memory: Tmpfs[] = tmpfs([...new Set(flags.tmpfs)]);
  for (const text of new Set(flags.volume)) mounts.push(await volumeFlag(text));
  for (const text of new Set(flags.mount)) {
    const found = await readMount(text);
    if (found.type === "tmpfs") memory.push(found);
    else mounts.push(found);
  }
  refuseSharedTargets([
    ...mounts.map(({ target }) => target),
    ...memory.map(({ destination }) => destination),
  ]);
  const tmpfsMounts = memory.map(({ destination, options }) => ({ destination, options }));
  const sockets = (flags.publishSocket ?? []).map(publishedSocket);
  const from = [...new Set(flags.volumesFrom)].map(volumesFrom);
  return {
    ...(mounts.length > 0 && { mounts }),
    ...(memory.length > 0 && { tmpfs: tmpfsMounts }),
    ...(from.length > 0 && { volumesFrom: from }),
    ...(sockets.length > 0 && { publishedSockets: sockets }),
    ...(flags.ssh && { sshAgent: { socket: await agentSocket(app) } }),
  };
}

function refuseSharedTargets(targets: readonly string[]): void {
  for (const [index, target] of targets.entries()) {
    if (targets.indexOf(target) !== index) {
      throw usage(`cannot mount twice at "${target}": one of the two would hide the other`);
    }
  }
}

/** What each option behind `-v` does: nothing, or what it is refused for. */
const VOLUME_OPTIONS: Readonly<Record<string, string | undefined>> = {
  ro: undefined,
  readonly: undefined,
  rw: undefined,
  nocopy: undefined,
  "volume-nocopy": undefined,
  z: undefined, // labels of SELinux: the guest has none to mind
  Z: undefined,
  cached: undefined, // consistency, of Docker Desktop
  delegated: undefined,
  consistent: undefined,
  default: undefined,
  private: undefined,
  rprivate: undefined,
  ...Object.fromEntries(
    ["shared", "slave", "rshared", "rslave"].map((name) => [
      name,
      "mounts that the host makes later are not passed on into a VM",
    ]),
  ),
  U: "ctr maps the owner of files by itself",
  O: "there are no overlay mounts of host folders",
};

/**
 * `-v [source:]target[:options]`. A source with a slash is the host's, another one is a volume's name.
 */
async function volumeFlag(text: string): Promise<MountSpec> {
  const bad = (fact: string) => usage(`cannot use --volume "${text}": ${fact}`);
  const parts = text.split(":");
  if (parts.length > 3) {
    throw usage(
      `cannot use --volume "${text}": more than three parts`,
      "a path with a colon goes into --mount type=bind,source=…,target=…",
    );
  }
  const [source, target, given = ""] = parts.length === 1 ? [undefined, parts[0]!] : parts;
  const options = given === "" ? [] : given.split(",");
  for (const option of options) {
    if (!(option in VOLUME_OPTIONS)) throw bad(`there is no option "${option}"`);
    const reason = VOLUME_OPTIONS[option];
    if (reason !== undefined) throw bad(`"${option}" has no meaning here: ${reason}`);
  }
  const readonly = options.includes("ro") || options.includes("readonly");
  if (readonly && options.includes("rw")) throw bad('"ro" and "rw" conflict');
  const at = containerPath("--volume", text, target!);
  if (source === "") throw bad("the part before the colon is empty");
  if (source !== undefined && (/\//.test(source) || /^\.\.?$/.test(source))) {
    const path = hostPath(source);
    const kind = await kindOfSource("--volume", text, path);
    return kind === "socket"
      ? { type: "socket", source: path, target: at }
      : { type: "bind", source: path, target: at, readonly, create: false };
  }
  return {
    type: "volume",
    ...(source !== undefined && { source: checkedVolumeName("--volume", text, source) }),
    target: at,
    readonly,
    copy: !options.some((option) => option === "nocopy" || option === "volume-nocopy"),
    options: {},
    labels: {},
  };
}

/** `host path:container path`; the first colon with a slash behind it parts them. */
function publishedSocket(text: string): { source: string; target: string } {
  const colon = text.indexOf(":/");
  if (colon < 1) {
    throw usage(`cannot use --publish-socket "${text}": want host path:/container/path`);
  }
  return {
    source: hostPath(text.slice(0, colon)),
    target: containerPath("--publish-socket", text, text.slice(colon + 1)),
  };
}

/** `container[:ro|rw]`. */
function volumesFrom(text: string): string {
  const [name, mode = "rw", ...rest] = text.split(":");
  const modes = mode.split(",");
  if (!name || rest.length > 0 || modes.some((each) => !["ro", "rw", "z", "Z"].includes(each))) {
    throw usage(`cannot use --volumes-from "${text}": want container[:ro]`);
  }
  return modes.includes("ro") ? `${name}:ro` : name;
}

async function agentSocket(app: App): Promise<string> {
  const path = app.env("SSH_AUTH_SOCK");
  if (!path) {
    throw new CtrError("not-found", 'cannot use "--ssh": SSH_AUTH_SOCK is not set', {
      hint: 'start an agent, as with eval "$(ssh-agent)", and add a key to it',
    });
  }
  const found = await Deno.stat(path).catch(() => undefined);
  if (found?.isSocket) return hostPath(path);
  throw new CtrError("not-found", `cannot use "--ssh": SSH_AUTH_SOCK "${path}" is no socket`, {
    hint: "the agent has ended, or was started elsewhere",
  });
}
