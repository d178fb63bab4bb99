import { z } from "zod";
import {
  Device,
  EgressSpec,
  ExposedPort,
  HealthSpec,
  NetworkAttachment,
  PortSpec,
  PublishedSocket,
  RestartPolicy,
} from "../api/mod.ts";
import type { RestartRecord } from "./restart_policy.ts";
import type { ContainerConfig } from "./types.ts";

/**
 * What a record of an earlier version lacks. Everything else is as this program wrote it: nobody else
 * writes records.
 */
const StoredConfig = z.looseObject({
  mounts: z.array(z.custom<ContainerConfig["mounts"][number]>()).default([]),
  publishedSockets: z.array(PublishedSocket).default([]),
  devices: z.array(Device).default([]),
  privileged: z.boolean().optional(),
  oomScoreAdj: z.int().default(0),
  linkLocal: z.boolean().default(true),
  restart: RestartPolicy.default({ name: "no", maximumRetries: 0 }),
  health: HealthSpec.optional(),
  /** Of records from before there could be several. */
  network: z.enum(["default", "none"]).optional(),
  networks: z.array(NetworkAttachment).optional(),
  ports: z.array(PortSpec).default([]),
  exposedPorts: z.array(ExposedPort).default([]),
  proxyProtocol: z.boolean().default(false),
  egress: EgressSpec.optional(),
  hostAccess: z.boolean().default(true),
});

/** What a container that asks for nothing is in. */
export const DEFAULT_ATTACHMENT: NetworkAttachment = { name: "default", aliases: [] };

/** A configuration as it was stored, with what was added to such since. */
export function configOf(stored: unknown): ContainerConfig {
  const { network = "default", ...parsed } = StoredConfig.parse(stored);
  const config = parsed as unknown as ContainerConfig;
  const { additionalGroups = [] } = config.process;
  return {
    ...config,
    networks: parsed.networks ?? (network === "none" ? [] : [DEFAULT_ATTACHMENT]),
    process: { ...config.process, additionalGroups },
    privileged: config.privileged ?? config.process.privileged,
  };
}

const StoredRestart = z.object({
  count: z.int().nonnegative(),
  delayMs: z.number().nonnegative(),
  nextAtMs: z.number().optional(),
  stopped: z.string().optional(),
  error: z.string().optional(),
});

export function restartOf(stored: unknown): RestartRecord | undefined {
  return stored === undefined ? undefined : StoredRestart.parse(stored);
}
