/**
 * Where the worker's module is. Sources run it from here; a bundle holds it as a file of its own, whose
 * place only the program's entry knows.
 */
let override: URL | undefined;

/** Names the worker's module for all workers that are started after this. */
export function setUnpackWorkerUrl(url: URL | string): void {
  override = new URL(url);
}

/** The one place that starts a worker. */
export function startWorker(name: string): Worker {
  const url = override ?? new URL("./worker.ts", import.meta.url);
  return new Worker(url, { type: "module", name });
}
