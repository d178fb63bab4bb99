/** What the API calls the default machine: no name begins so. */
const DEFAULT = "-";

/** A path of the API. @param name Absent: of the default machine. */
export function machinePath(name: string | undefined, action?: string): string {
  const base = `/machines/${encodeURIComponent(name ?? DEFAULT)}`;
  return action === undefined ? base : `${base}/${action}`;
}
