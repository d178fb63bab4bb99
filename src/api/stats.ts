import { z } from "zod";

/** What a running container uses, at one moment. Counters count from the start of its VM. */
export const ContainerStats = z.object({
  id: z.string(),
  name: z.string(),
  memoryUsageBytes: z.number(),
  /** Of the container, else what its VM has. */
  memoryLimitBytes: z.number(),
  /** Usage without the files that the guest could drop at once. */
  memoryWorkingSetBytes: z.number(),
  guestCacheBytes: z.number(),
  /** What its VM costs the host. */
  hostFootprintBytes: z.number(),
  cpuUsageUsec: z.number(),
  /** Of one core, since the sample before. */
  cpuPercent: z.number(),
  networkRxBytes: z.number(),
  networkTxBytes: z.number(),
  blockReadBytes: z.number(),
  blockWriteBytes: z.number(),
  numProcesses: z.number(),
});
export type ContainerStats = z.infer<typeof ContainerStats>;

/** A line of `GET /stats`. */
export const StatsSample = z.object({ containers: z.array(ContainerStats) });
export type StatsSample = z.infer<typeof StatsSample>;

/** A process, as the container sees it. */
export const TopProcess = z.object({
  pid: z.number(),
  parentPid: z.number(),
  uid: z.number(),
  /** By the container's passwd file, else the number. */
  user: z.string(),
  state: z.string(),
  cpuUsageUsec: z.number(),
  residentBytes: z.number(),
  virtualBytes: z.number(),
  startedAt: z.string(),
  /** Empty: none. */
  terminal: z.string(),
  command: z.string(),
});
export type TopProcess = z.infer<typeof TopProcess>;

export const Top = z.object({ memoryInBytes: z.number(), processes: z.array(TopProcess) });
export type Top = z.infer<typeof Top>;
