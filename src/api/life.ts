import { z } from "zod";
import { RestartPolicy } from "./policies.ts";
import { containerName } from "./schemas.ts";

/** Limits and policy that may change while a container lives. What is absent stays as it is. */
export const UpdateRequest = z.strictObject({
  memoryBytes: z.int().positive().optional(),
  cpus: z.int().min(1).max(256).optional(),
  /** 0: none. */
  pidsLimit: z.int().nonnegative().optional(),
  restart: RestartPolicy.optional(),
});
export type UpdateRequest = z.output<typeof UpdateRequest>;

/** Where the ssh-agent of the caller listens now: an absolute path on the host. */
export const AgentRequest = z.strictObject({ socket: z.string().startsWith("/").max(4096) });

export const UpdateReply = z.strictObject({
  /** What only holds from the next start on. */
  warnings: z.array(z.string()),
});
export type UpdateReply = z.output<typeof UpdateReply>;

export const RenameRequest = z.strictObject({ name: containerName });

export const WaitRequest = z.strictObject({
  for: z.enum(["stopped", "running", "healthy", "removed"]).default("stopped"),
  /** Absent: as long as it takes. */
  timeoutMs: z.int().nonnegative().max(2 ** 31 - 1).optional(),
});
export type WaitRequest = z.output<typeof WaitRequest>;

export const PruneContainersRequest = z.strictObject({
  /** `until=TIME`, `label=KEY[=VALUE]`, `label!=KEY[=VALUE]`. */
  filters: z.array(z.string()).default([]),
});

export const PruneContainersReply = z.strictObject({
  /** IDs. */
  removed: z.array(z.string()),
  reclaimedBytes: z.int().nonnegative(),
});
export type PruneContainersReply = z.output<typeof PruneContainersReply>;
