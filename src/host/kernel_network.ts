import { existsSync, readFileSync } from "node:fs";
import { hostSystem } from "./facts.ts";

/** Where the programs of the host's network are; a plain user's `PATH` may lack it. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/sbin"] as const;

/** `PATH`, with the folders that root's programs are in. */
export function systemPath(): string {
  return [Deno.env.get("PATH") ?? "", ...SYSTEM_FOLDERS].filter((part) => part !== "").join(":");
}

/** What decides on bridges. */
export interface BridgeHost {
  readonly system: string;
  readonly uid: number | null;
  readonly has: (path: string) => boolean;
}

/** Why this process cannot make bridges of the kernel, as a clause, and what to do about it. */
export function bridgeObstacle(
  { system, uid, has }: BridgeHost = { system: hostSystem(), uid: Deno.uid(), has: existsSync },
): { readonly fact: string; readonly hint: string } | undefined {
  const without = "leave out --driver bridge";
  if (system !== "linux") return { fact: "only Linux has it", hint: without };
  if (uid !== 0) return { fact: "it needs root", hint: `run ctr as root, or ${without}` };
  if (!has("/dev/net/tun")) {
    return { fact: "this host has no /dev/net/tun", hint: `load the module tun, or ${without}` };
  }
  if (systemPath().split(":").some((folder) => has(`${folder}/nft`))) return undefined;
  return { fact: 'the program "nft" is not installed', hint: `install nftables, or ${without}` };
}

/** Whether this host's kernel passes on packets that are not for it. */
export function forwardsPackets(family: 4 | 6): boolean {
  const file = family === 4 ? "ipv4/ip_forward" : "ipv6/conf/all/forwarding";
  return read(`/proc/sys/net/${file}`).trim() === "1";
}

/** Names of all interfaces that the kernel has here, with an address or without. */
export function interfaceNames(): string[] {
  return [...read("/proc/self/net/dev").matchAll(/^\s*([^\s:]+):/gm)].map(([, name]) => name!);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // not Linux, or no IPv6
  }
}
