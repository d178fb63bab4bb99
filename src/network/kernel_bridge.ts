import { createHash } from "node:crypto";
import { CtrError } from "../core/mod.ts";
import { bridgeObstacle, interfaceNames, systemPath } from "../host/mod.ts";
import { netdProgram } from "./netd_program.ts";
import type { NetdBridge } from "./netd_protocol.ts";
import { AddressPlan } from "./plan.ts";
import type { NetworkConfig } from "./types.ts";

/** An Ethernet frame's: what leaves such a network meets the host's own interfaces as it is. */
export const BRIDGE_MTU = 1500;

/** The bridge's in every network: they never meet. */
const MAC = "02:67:77:00:00:fe";

/**
 * Names of interfaces have at most 15 characters. The home is in each of them, so that an engine knows its
 * own and nobody else's.
 */
const BRIDGE = "ctr";
const NETD_TAP = "ctd";
const GUEST_TAP = "ctp";
const HASH_CHARACTERS = 6;

/** Of a network's bridge. */
export function bridgeName(home: string, network: string): string {
  return `${BRIDGE}${hash(home)}${hash(network)}`;
}

/** Of the tap that a container's monitor makes for its place in a network. */
export function guestTap(home: string, network: string, containerId: string): string {
  return `${GUEST_TAP}${hash(home)}${hash(`${network}\n${containerId}`)}`;
}

/** What netd is told of the kernel's part. */
export function bridgeOf(config: NetworkConfig, home: string): NetdBridge {
  const plan = new AddressPlan(config);
  return {
    name: bridgeName(home, config.name),
    tap: `${NETD_TAP}${hash(home)}${hash(config.name)}`,
    mac: MAC,
    ...(config.ipv4 && { ipv4: plan.gateway(4)! }),
    ...(config.ipv6 && { ipv6: plan.gateway(6)! }),
  };
}

/** Bridges of this home that the kernel has. */
export function bridgesOfHome(home: string): string[] {
  const ours = `${BRIDGE}${hash(home)}`;
  return interfaceNames().filter((name) =>
    name.startsWith(ours) && name.length === ours.length + HASH_CHARACTERS
  );
}

/** @throws {CtrError} `unsupported` where there can be none. */
export function checkBridge(network: string): void {
  const obstacle = bridgeObstacle();
  if (!obstacle) return;
  const { fact, hint } = obstacle;
  throw new CtrError("unsupported", `cannot make network "${network}" as a bridge: ${fact}`, {
    hint,
  });
}

/** Removes bridges with their rules. @throws {CtrError} `unavailable`. */
export async function removeBridges(names: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(await netdProgram(), {
    args: ["remove", ...names],
    env: { PATH: systemPath() },
    stdin: "null",
  }).output();
  if (success) return;
  const words = new TextDecoder().decode(stderr).trim().replace(/^error: /, "");
  throw new CtrError("unavailable", words || `cannot remove the bridge ${names.join(", ")}`);
}

/** Six letters and digits, the same every time. */
function hash(text: string): string {
  const bytes = createHash("sha256").update(text).digest();
  const number = bytes.readBigUInt64BE() % 36n ** BigInt(HASH_CHARACTERS);
  return number.toString(36).padStart(HASH_CHARACTERS, "0");
}
