import type { ContainerStats } from "../api/mod.ts";
import { withDeadline } from "../core/mod.ts";
import type { Container } from "./container.ts";

/** A guest that does not answer is left out of a sample, not waited for by the others. */
const ANSWER_MS = 5000;
/** The kernel walks all of a VM's pages to tell its footprint, which is no work for each second. */
const FOOTPRINT_MS = 5000;

interface Before {
  readonly atMs: number;
  readonly cpuUsec: number;
  readonly footprint: Promise<number>;
  readonly footprintAtMs: number;
}

/** Samples what containers use. It keeps what it needs to tell rates, so each follower has its own. */
export class StatsSampler {
  #before = new Map<string, Before>();

  /** Of those that run. In the order of `containers`. */
  async sample(containers: readonly Container[]): Promise<ContainerStats[]> {
    const before = this.#before;
    this.#before = new Map();
    const all = await Promise.allSettled(
      containers.map((each) => this.#one(each, before.get(each.record.config.id))),
    );
    return all.flatMap((each) => each.status === "fulfilled" && each.value ? [each.value] : []);
  }

  async #one(
    container: Container,
    before: Before | undefined,
  ): Promise<ContainerStats | undefined> {
    const vm = await container.runningVm();
    if (!vm) return undefined;
    const { id, name } = container.record.config;
    const stats = await withDeadline(
      `reading counters of ${name}`,
      ANSWER_MS,
      () => vm.guest.stats(id),
    );
    const atMs = performance.now();
    const fresh = before && atMs - before.footprintAtMs < FOOTPRINT_MS;
    const footprint = fresh ? before.footprint : vm.vm.footprintBytes();
    const cpuUsec = stats.cpuUsageUs;
    const footprintAtMs = fresh ? before.footprintAtMs : atMs;
    this.#before.set(id, { atMs, cpuUsec, footprint, footprintAtMs });
    const passedUsec = before ? (atMs - before.atMs) * 1000 : 0;
    return {
      id,
      name,
      memoryUsageBytes: stats.memoryUsageBytes,
      memoryLimitBytes: stats.memoryLimitBytes || stats.guestMemoryTotalBytes,
      memoryWorkingSetBytes: stats.memoryWorkingSetBytes,
      guestCacheBytes: stats.guestCacheBytes,
      hostFootprintBytes: await footprint.catch(() => 0),
      cpuUsageUsec: cpuUsec,
      cpuPercent: percent(cpuUsec - (before?.cpuUsec ?? cpuUsec), passedUsec),
      networkRxBytes: stats.networkRxBytes,
      networkTxBytes: stats.networkTxBytes,
      blockReadBytes: stats.blockReadBytes,
      blockWriteBytes: stats.blockWriteBytes,
      numProcesses: stats.pids,
    };
  }
}

function percent(usedUsec: number, passedUsec: number): number {
  if (passedUsec <= 0) return 0;
  return Math.round(Math.max(0, usedUsec) / passedUsec * 10_000) / 100;
}
