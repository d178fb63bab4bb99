import { join } from "node:path";
import { CtrError, isCtrError } from "../../core/mod.ts";
import { type Daemon, findDaemon, killDaemon, startDaemon } from "../../host/mod.ts";
import type { VmnetNetwork } from "../hypervisor.ts";
import { Control } from "./control.ts";
import { lastLogLine } from "./monitor_log.ts";
import { DAEMON, SOCKETS, writeRecord } from "./record.ts";

const START_MS = 30_000;
const ADD_MS = 90_000;
const GONE_MS = 10_000;
/** A monitor that ends as we come is followed by one that does not. */
const ATTEMPTS = 3;

/** What starts a monitor. */
export interface MonitorCommand {
  readonly command: readonly string[];
  readonly library: string;
}

/** One start at a time for a network. */
const starting = new Map<string, Promise<unknown>>();

/**
 * Puts a VM whose record is written into its network's monitor, which is started if it does not live.
 *
 * @throws {CtrError} Why the VM or the network cannot be.
 */
export async function addToNetwork(
  network: VmnetNetwork,
  folder: string,
  how: MonitorCommand,
): Promise<Daemon> {
  for (let attempt = 1;; attempt++) {
    const { daemon, control } = await oneAtATime(network.folder, () => reach(network, how));
    try {
      await control.call({ call: "add", folder }, ADD_MS);
      return daemon;
    } catch (error) {
      const ended = isCtrError(error, "unavailable") &&
        error.message.includes("the monitor: it has");
      if (!ended || attempt === ATTEMPTS) throw error;
    } finally {
      control.close();
    }
  }
}

/** The monitor that holds the VM of a folder, if it lives and does. */
export async function findHolder(monitor: string, folder: string): Promise<Daemon | undefined> {
  const daemon = await findDaemon(monitor, DAEMON);
  if (!daemon) return undefined;
  const path = join(monitor, SOCKETS.control);
  const control = await Control.connect(path, { deadlineMs: START_MS }).catch(() => undefined);
  if (!control) return undefined;
  try {
    return await control.call({ call: "holds", folder }, START_MS) === true ? daemon : undefined;
  } catch {
    return undefined;
  } finally {
    control.close();
  }
}

async function oneAtATime<T>(key: string, work: () => Promise<T>): Promise<T> {
  const before = starting.get(key) ?? Promise.resolve();
  const mine = before.catch(() => {}).then(work);
  starting.set(key, mine);
  try {
    return await mine;
  } finally {
    if (starting.get(key) === mine) starting.delete(key);
  }
}

async function reach(
  network: VmnetNetwork,
  how: MonitorCommand,
): Promise<{ daemon: Daemon; control: Control }> {
  const path = join(network.folder, SOCKETS.control);
  const found = await findDaemon(network.folder, DAEMON);
  if (found) {
    try {
      return { daemon: found, control: await Control.connect(path, { deadlineMs: START_MS }) };
    } catch {
      await killDaemon(found, GONE_MS); // it ended just now, or hangs with all that it holds
    }
  }
  return await start(network, how);
}

async function start(
  network: VmnetNetwork,
  { command, library }: MonitorCommand,
): Promise<{ daemon: Daemon; control: Control }> {
  const { folder, ...config } = network;
  for (const ending of ["pid", "claim", "log"]) {
    await Deno.remove(join(folder, `${DAEMON}.${ending}`)).catch(() => {});
  }
  await writeRecord(folder, { version: 1, kind: "network", library, network: mutable(config) });
  const [program, ...args] = command;
  const daemon = await startDaemon({
    folder,
    name: DAEMON,
    command: program!,
    args: [...args, folder],
  });
  daemon.unref?.();
  const gone = new AbortController();
  daemon.status?.then(() => gone.abort());
  try {
    const control = await Control.connect(join(folder, SOCKETS.control), {
      deadlineMs: START_MS,
      signal: gone.signal,
    });
    return { daemon, control };
  } catch (error) {
    await killDaemon(daemon, GONE_MS);
    if (isCtrError(error) && !gone.signal.aborted) throw error;
    const said = await lastLogLine(folder) ?? "it said nothing";
    const message = `cannot make network "${network.name}": its monitor ended: ${said}`;
    throw new CtrError("unavailable", message, { cause: error });
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function mutable({ forwards, ...rest }: Omit<VmnetNetwork, "folder">) {
  const network: Mutable<typeof rest> = { ...rest };
  return { ...network, ...(forwards && { forwards: [...forwards] }) };
}
