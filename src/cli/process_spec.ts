import type { ProcessSpec } from "../api/mod.ts";
import type { App } from "./app.ts";
import { environment } from "./environment.ts";
import { usage } from "./errors.ts";
import { count } from "./settings.ts";
import { terminalSize } from "./terminal.ts";

export interface ProcessFlags {
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly workdir?: string;
  readonly cwd?: string;
  readonly user?: string;
  readonly uid?: string;
  readonly gid?: string;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly detachKeys: string;
  readonly privileged?: boolean;
}

export type ProcessInput = Partial<ProcessSpec>;

const MAX_ID = 2 ** 32 - 2;

export async function processSpec(
  app: App,
  args: readonly string[],
  flags: ProcessFlags,
): Promise<ProcessInput> {
  const cwd = flags.workdir ?? flags.cwd;
  if (cwd !== undefined && !cwd.startsWith("/")) {
    throw usage(`cannot use --workdir "${cwd}": want an absolute path of the container`);
  }
  const size = flags.tty ? terminalSize() : undefined;
  const env = await environment(flags.envFile ?? [], flags.env ?? [], app.env);
  return {
    args: [...args],
    env,
    ...(cwd !== undefined && { cwd }),
    ...identity(flags),
    ...(flags.tty && { terminal: true, rows: size?.rows ?? 0, columns: size?.columns ?? 0 }),
    ...(flags.interactive && { interactive: true }),
    ...(flags.privileged && { privileged: true }),
  };
}

/** `--user` wins; `--gid` alone is a further group of the image's user. */
function identity(flags: ProcessFlags): Pick<ProcessInput, "user" | "additionalGids"> {
  const uid = flags.uid === undefined ? undefined : count("--uid", flags.uid, 0, MAX_ID);
  const gid = flags.gid === undefined ? undefined : count("--gid", flags.gid, 0, MAX_ID);
  if (flags.user !== undefined) return { user: flags.user };
  if (uid !== undefined) return { user: gid === undefined ? `${uid}` : `${uid}:${gid}` };
  return gid === undefined ? {} : { additionalGids: [gid] };
}
