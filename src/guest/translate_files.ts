import {
  type AcceptEvent,
  type ContainerStateReply,
  FileEventKind,
  type StatPathReply,
  type TopReply,
} from "./gen/guest_pb.ts";
import { bad, count, ms, name, text } from "./translate.ts";
import type {
  Accepted,
  FileEvent,
  GuestContainerState,
  PathStat,
  StreamSpec,
  TopProcess,
} from "./types.ts";

/** Linux's PATH_MAX. */
const MAX_PATH = 4096;
const MAX_COMMAND = 4096;
const MAX_TOP = 32_768;
const MAX_LISTENERS = 256;

export function streamMessage(spec: StreamSpec) {
  switch (spec.kind) {
    case "copy-out": {
      const { path, name = "", followLink = false, contentOnly = false } = spec;
      return { copyOut: { path, name, followLink, contentOnly } };
    }
    case "copy-in": {
      const { path, makeFolders = false, archiveOwners = false } = spec;
      const noOverwriteFolderWithFile = spec.noOverwriteFolderWithFile ?? false;
      return { copyIn: { path, makeFolders, archiveOwners, noOverwriteFolderWithFile } };
    }
    case "dial":
      return { dial: { network: spec.network, address: spec.address } };
  }
}

export function acceptedOf({ listenerId, streamId }: AcceptEvent): Accepted {
  return { listenerId: name(listenerId, "an ID"), streamId: name(streamId, "an ID") };
}

export function pathStatOf(stat: StatPathReply): PathStat {
  return {
    path: path(stat.path),
    mode: stat.mode,
    size: count(stat.size, "a size"),
    modifiedMs: ms(stat.modifiedUnixNs),
    uid: stat.uid,
    gid: stat.gid,
    linkTarget: path(stat.linkTarget),
    resolvedPath: path(stat.resolvedPath),
    resolvedMode: stat.resolvedMode,
  };
}

/** Not for people as it is: a path may hold any byte but NUL. */
function path(value: string): string {
  if (value.length > MAX_PATH || value.includes("\0")) throw bad("a path");
  return value;
}

const MAX_PORT = 65_535;

export function containerStateOf(state: ContainerStateReply): GuestContainerState {
  if (state.listeners.length > MAX_LISTENERS) throw bad("the number of listeners");
  return {
    exists: state.exists,
    frozen: state.frozen,
    listeners: state.listeners.map((each) => name(each, "an ID")),
    tcpPorts: state.tcpPorts.slice(0, MAX_PORT).filter((port) => port > 0 && port <= MAX_PORT),
  };
}

export function topOf({ processes }: TopReply): TopProcess[] {
  if (processes.length > MAX_TOP) throw bad("the number of processes");
  return processes.map((each) => ({
    pid: each.pid,
    parentPid: each.parentPid,
    uid: each.uid,
    user: text(each.user, 256, "a user's name"),
    state: text(each.state, 16, "a state"),
    cpuUs: count(each.cpuUs, "time"),
    residentBytes: count(each.residentBytes, "memory"),
    virtualBytes: Number(each.virtualBytes),
    startedMs: ms(each.startedUnixNs),
    terminal: text(each.terminal, 64, "a terminal"),
    command: text(each.command, MAX_COMMAND, "a command"),
  }));
}

const EVENT_KINDS: Readonly<Record<FileEvent["kind"], FileEventKind>> = {
  create: FileEventKind.CREATE,
  modify: FileEventKind.MODIFY,
  attributes: FileEventKind.ATTRIBUTES,
  delete: FileEventKind.DELETE,
  rename: FileEventKind.RENAME,
  written: FileEventKind.WRITTEN,
};

export function fileEventMessage({ kind, path, to = "", folder }: FileEvent) {
  return { kind: EVENT_KINDS[kind], path, to, folder };
}
