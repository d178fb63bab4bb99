/**
 * Workers are started when a job needs one, kept for the next layer of the same pull, and ended a moment
 * after the last job: an idle one costs ten megabytes.
 */
import type { FromWorker, ToWorker } from "./protocol.ts";
import { startWorker } from "./worker_url.ts";

const IDLE_MS = 1000;

const idle: { readonly worker: UnpackWorker; readonly timer: ReturnType<typeof setTimeout> }[] = [];

/** A worker that runs one job. */
export class UnpackWorker {
  readonly #worker: Worker;
  /** What the job says; set for each job. */
  onevent: (event: FromWorker) => void = () => {};

  constructor() {
    this.#worker = startWorker("ctr-unpack");
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.onevent(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.onevent({
        event: "failed",
        failure: { code: undefined, message: event.message, stack: undefined },
      });
    };
  }

  post(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  /** Ends the worker in the middle of whatever it does. */
  end(): void {
    this.onevent = () => {};
    this.#worker.terminate();
  }
}

export function takeWorker(): UnpackWorker {
  const waiting = idle.pop();
  if (!waiting) return new UnpackWorker();
  clearTimeout(waiting.timer);
  return waiting.worker;
}

/** Hands back a worker whose job has ended well. */
export function giveBack(worker: UnpackWorker): void {
  worker.onevent = () => {};
  const timer = setTimeout(() => {
    idle.splice(idle.findIndex((each) => each.worker === worker), 1);
    worker.end();
  }, IDLE_MS);
  idle.push({ worker, timer });
}

/** Ends all idle workers at once. */
export function stopUnpackWorkers(): void {
  for (const { worker, timer } of idle.splice(0)) {
    clearTimeout(timer);
    worker.end();
  }
}
