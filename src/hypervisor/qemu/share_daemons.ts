import { join } from "node:path";
import { CtrError } from "../../core/mod.ts";
import {
  type Daemon,
  daemonGone,
  findDaemon,
  isAlive,
  killDaemon,
  startDaemon,
} from "../../host/mod.ts";
import { lastLogLine } from "./leftovers.ts";
import { FILE_NAME, removeShareRoot, shareRoot } from "../single_file.ts";
import { type PlannedShare, shareSocket } from "./shares.ts";
import { type Virtiofsd, virtiofsdArguments } from "./virtiofsd.ts";

const READY_MS = 15_000;
const GONE_MS = 5000;
/** How often a daemon that another engine has started is looked at. */
const LOOK_MS = 1000;

/** The virtiofsd of one share. */
export interface ShareDaemon {
  /** What it shares, for messages. */
  readonly path: string;
  readonly daemon: Daemon;
}

/**
 * Runs in mount namespaces of its own, so none of this is seen on the host, and it ends with the daemon.
 * What is read-only is so for the daemon as well, with all that is mounted below. A single file is bound
 * into an empty file system, so nothing else of its folder is there and nothing can be added. The C
 * virtiofsd locks a file that is named after its socket, which has the same name in each VM's folder.
 */
const GATHER = `
set -e
access=$1 source=$2 root=$(cd "$3" && pwd -P) file=$4; shift 4
if [ -n "$file" ]; then
  mount -t tmpfs -o size=64k,mode=755 ctr "$root"
  : > "$root/$file"
  mount --bind "$source" "$root/$file"
  [ "$access" = rw ] || mount -o remount,bind,ro "$root/$file"
  mount -o remount,ro "$root"
else
  mount --rbind "$source" "$root"
  if [ "$access" = ro ]; then
    while read -r _ _ _ _ place _; do
      place=$(printf '%b/' "$place"); place=\${place%/}
      case $place in "$root" | "$root"/*) mount -o remount,bind,ro "$place" ;; esac
    done < /proc/self/mountinfo
  fi
fi
mkdir -p /var/run/virtiofsd
mount -t tmpfs -o size=64k ctr /var/run/virtiofsd
exec "$@"
`;

export function daemonName(at: number): string {
  return `virtiofsd${at}`;
}

/**
 * Starts the virtiofsd of each share and returns when all listen. Those that were started are ended if one
 * does not start.
 *
 * @throws {CtrError} `unavailable` with its last words.
 */
export async function startShareDaemons(
  folder: string,
  shares: readonly PlannedShare[],
  program: Virtiofsd,
): Promise<ShareDaemon[]> {
  const started = await Promise.allSettled(
    shares.map((share) => startOne(folder, share, program)),
  );
  const failed = started.find((each) => each.status === "rejected");
  if (failed === undefined) {
    return started.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
  }
  await endShareDaemons(folder, shares.length);
  throw failed.reason;
}

async function startOne(
  folder: string,
  share: PlannedShare,
  program: Virtiofsd,
): Promise<ShareDaemon> {
  const { at, path, readonly, single } = share;
  const root = shareRoot(folder, at);
  await Deno.mkdir(root, { mode: 0o700, recursive: true });
  const socket = shareSocket(at);
  await Deno.remove(join(folder, socket)).catch(() => {}); // of an attempt before
  const gather = [readonly ? "ro" : "rw", path, root, single ? FILE_NAME : ""];
  const daemon = await startDaemon({
    folder,
    name: daemonName(at),
    command: "unshare",
    args: [
      ...["--mount", "--propagation", "private", "/bin/sh", "-c", GATHER, "sh", ...gather],
      ...[program.path, ...virtiofsdArguments(program.dialect, { socket, root })],
    ],
  });
  await listening(folder, share, daemon);
  return { path, daemon };
}

/** It takes one connection, QEMU's, so it cannot be tried; that its socket is there says enough. */
async function listening(folder: string, share: PlannedShare, daemon: Daemon): Promise<void> {
  let ended = false;
  daemon.status?.then(() => ended = true);
  const until = performance.now() + READY_MS;
  const socket = join(folder, shareSocket(share.at));
  while (!await Deno.lstat(socket).then((info) => info.isSocket, () => false)) {
    if (ended || performance.now() > until) {
      const said = await lastLogLine(folder, daemonName(share.at)) ?? "it said nothing";
      throw new CtrError(
        "unavailable",
        `cannot share "${share.path}": virtiofsd ${ended ? "ended" : "does not listen"}: ${said}`,
      );
    }
    await pause(3);
  }
  await pause(3); // between the making of a socket and listening at it
}

/** Finds those of an earlier engine; undefined for one that lives no more. */
export async function findShareDaemons(
  folder: string,
  paths: readonly string[],
): Promise<{ readonly path: string; readonly daemon: Daemon | undefined }[]> {
  return await Promise.all(paths.map(async (path, at) => ({
    path,
    daemon: await findDaemon(folder, daemonName(at)),
  })));
}

/** Ends the daemons of `count` shares, whoever has started them, and removes what the shares left. */
export async function endShareDaemons(folder: string, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, async (_, at) => {
    const daemon = await findDaemon(folder, daemonName(at));
    if (daemon !== undefined) await killDaemon(daemon, GONE_MS);
    await Deno.remove(join(folder, shareSocket(at))).catch(() => {});
    for (const ending of ["claim", "pid"]) {
      await Deno.remove(join(folder, `${daemonName(at)}.${ending}`)).catch(() => {});
    }
    await removeShareRoot(folder, at);
  }));
}

/**
 * Resolves with the share whose daemon has ended first; never once aborted.
 *
 * What we have started tells us. What another engine has started is looked at every second.
 */
export async function firstLost(
  daemons: readonly ShareDaemon[],
  signal: AbortSignal,
): Promise<ShareDaemon> {
  return await Promise.race(daemons.map(async (each) => {
    if (each.daemon.status) await each.daemon.status;
    else await gone(each.daemon, signal);
    return each;
  }));
}

async function gone({ pid, start }: Daemon, signal: AbortSignal): Promise<void> {
  while (await isAlive(pid, start)) {
    await pause(LOOK_MS);
    if (signal.aborted) await new Promise<never>(() => {});
  }
}

/** A daemon whose QEMU has gone ends by itself; this waits for that and helps after a while. */
export async function settleShareDaemons(daemons: readonly ShareDaemon[]): Promise<void> {
  await Promise.all(
    daemons.map(({ daemon }) => daemonGone(daemon, 500).catch(() => killDaemon(daemon, GONE_MS))),
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
