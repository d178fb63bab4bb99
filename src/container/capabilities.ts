import { CtrError } from "../core/mod.ts";
import { DEFAULT_CAPABILITIES } from "../vm/mod.ts";

/** All that Linux 6.12 knows, without the `CAP_`. */
// deno-fmt-ignore
const ALL = [
  "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN",
  "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE",
  "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE",
  "NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG",
  "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE",
  "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM",
];

/**
 * The capabilities of a container: dropping ALL empties the base, adding ALL fills it, then named
 * ones are added, then named ones are dropped.
 *
 * @returns `CAP_…` names, sorted.
 * @throws {CtrError} `usage` for an unknown name.
 */
export function capabilities(add: readonly string[], drop: readonly string[]): string[] {
  const added = add.map(normalize);
  const dropped = drop.map(normalize);
  const set = new Set(dropped.includes("ALL") ? [] : DEFAULT_CAPABILITIES);
  if (added.includes("ALL")) { for (const each of ALL) set.add(each); }
  for (const each of added) set.add(each);
  for (const each of dropped) set.delete(each);
  set.delete("ALL");
  return [...set].sort().map((name) => `CAP_${name}`);
}

function normalize(text: string): string {
  const name = text.toUpperCase().replace(/^CAP_/, "");
  if (name !== "ALL" && !ALL.includes(name)) {
    throw new CtrError("usage", `cannot use the capability "${text}": Linux has none of that name`);
  }
  return name;
}
