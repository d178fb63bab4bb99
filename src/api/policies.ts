import { z } from "zod";

export const RestartPolicy = z.strictObject({
  name: z.enum(["no", "on-failure", "always", "unless-stopped"]).default("no"),
  /** Of `on-failure`; 0: without end. */
  maximumRetries: z.int().nonnegative().default(0),
});
export type RestartPolicy = z.output<typeof RestartPolicy>;

/**
 * How a container's health is found out. What is absent is taken from the image's HEALTHCHECK, then
 * from the defaults: every 30 s, 30 s each, three failures in a row.
 */
export const HealthSpec = z.strictObject({
  /** As in an image: `["NONE"]`, `["CMD", …]`, `["CMD-SHELL", line]`. */
  test: z.array(z.string()).min(1).optional(),
  intervalMs: z.int().nonnegative().optional(),
  timeoutMs: z.int().nonnegative().optional(),
  /** Failures do not count this long after the start. */
  startPeriodMs: z.int().nonnegative().optional(),
  /** Between probes during the start period. */
  startIntervalMs: z.int().nonnegative().optional(),
  retries: z.int().nonnegative().optional(),
});
export type HealthSpec = z.output<typeof HealthSpec>;

export const HealthProbe = z.strictObject({
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  /** 0: healthy. 124: it took too long. */
  exitStatus: z.int(),
  /** Both streams, at most 4096 characters. */
  output: z.string(),
});

export const Health = z.strictObject({
  state: z.enum(["starting", "healthy", "unhealthy"]),
  failingStreak: z.int(),
  /** The last five, oldest first. */
  probes: z.array(HealthProbe),
});
export type Health = z.output<typeof Health>;

/** Why and when a container is started again. */
export const RestartState = z.strictObject({
  /** Starts by the policy since somebody started it. */
  count: z.int(),
  /** The back-off that is on, or was last. */
  delayMs: z.int(),
  /** Absent: nothing is due. */
  nextAt: z.iso.datetime().optional(),
  /** Why the last start by the policy failed, as a sentence. */
  error: z.string().optional(),
});
export type RestartState = z.output<typeof RestartState>;
