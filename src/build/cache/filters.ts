/** Filters of `builder prune` and `builder du`. */
import type { BuildCacheRecord } from "../../api/mod.ts";
import { CtrError, parseDurationMs } from "../../core/mod.ts";

export type CacheFilter = (record: BuildCacheRecord) => boolean;

type Reader = (value: string, filter: string) => CacheFilter;

const READERS: Readonly<Record<string, Reader>> = {
  id: (value) => ({ id }) => id.startsWith(value),
  type: (value) => ({ type }) => type === value,
  parent: (value) => ({ parents }) => parents.some((each) => each.includes(value)),
  parents: (value) => ({ parents }) => parents.some((each) => each.includes(value)),
  description: (value) => ({ description }) => description.includes(value),
  inuse: (value, filter) => flag(value, filter, ({ inUse }) => inUse),
  shared: (value, filter) => flag(value, filter, ({ shared }) => shared),
  private: (value, filter) => flag(value, filter, ({ shared }) => !shared),
  until: (value, filter) => age(value, filter, ({ createdAt }) => createdAt),
  "unused-for": (value, filter) => age(value, filter, ({ lastUsedAt }) => lastUsedAt),
};

/** All of them must fit. @throws {CtrError} `usage`. */
export function parseFilters(filters: readonly string[]): CacheFilter {
  const all = filters.map((filter) => {
    const [, key = "", not = "", value = ""] = /^([\w-]+)(!?)==?(.*)$/s.exec(filter) ?? [];
    const reader = Object.hasOwn(READERS, key) ? READERS[key] : undefined;
    if (!reader) throw refusal(filter, `want one of ${Object.keys(READERS).join(", ")}`);
    const fits = reader(value, filter);
    return not === "" ? fits : (record: BuildCacheRecord) => !fits(record);
  });
  return (record) => all.every((fits) => fits(record));
}

function flag(value: string, filter: string, read: CacheFilter): CacheFilter {
  if (!["", "1", "0", "true", "false"].includes(value)) throw refusal(filter, "want true or false");
  const wanted = value !== "0" && value !== "false";
  return (record) => read(record) === wanted;
}

/** A duration back from now, or a moment. */
function age(
  value: string,
  filter: string,
  read: (record: BuildCacheRecord) => string,
): CacheFilter {
  const atMs = /^\d{4}-/.test(value) ? Date.parse(value) : Date.now() - durationMs(value, filter);
  if (Number.isNaN(atMs)) throw refusal(filter, "want a duration such as 24h, or a time");
  return (record) => Date.parse(read(record)) < atMs;
}

function durationMs(value: string, filter: string): number {
  try {
    return parseDurationMs(value);
  } catch {
    throw refusal(filter, "want a duration such as 24h, or a time");
  }
}

function refusal(filter: string, why: string): CtrError {
  return new CtrError("usage", `cannot use the filter "${filter}": ${why}`);
}
