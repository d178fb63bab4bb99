import type { PublishedAt } from "../../network/mod.ts";
import type { NetworkStore } from "./join.ts";

/** When it is looked whether somebody listens: services take their time to start. */
const PROBES_MS = [1000, 2000, 4000, 8000, 16_000];

export interface PortProbeParts {
  readonly id: string;
  readonly networks: Pick<NetworkStore, "publishedOf" | "listening">;
  /** Told once of each port of the container that nobody has listened at. */
  readonly onSilent: (port: string) => void;
  /** For tests. */
  readonly probesMs?: readonly number[];
}

/** Looks after a start whether the published ports lead to somebody. */
export class PortProbe {
  readonly #parts: PortProbeParts;
  readonly #probesMs: readonly number[];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(parts: PortProbeParts) {
    this.#parts = parts;
    this.#probesMs = parts.probesMs ?? PROBES_MS;
    this.#wait(0);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #wait(probe: number): void {
    const ms = this.#probesMs[probe];
    if (ms === undefined || this.#parts.networks.publishedOf(this.#parts.id).length === 0) return;
    this.#timer = setTimeout(() => this.#look(probe).catch(() => {}), ms); // a lost network is told elsewhere
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  async #look(probe: number): Promise<void> {
    const { id, networks, onSilent } = this.#parts;
    const ports = new Map(networks.publishedOf(id).map((each) => [nameOf(each), each]));
    const silent: string[] = [];
    for (const [name, port] of ports) if (!await networks.listening(port)) silent.push(name);
    if (this.#closed || silent.length === 0) return;
    if (probe + 1 < this.#probesMs.length) this.#wait(probe + 1);
    else for (const name of silent) onSilent(name);
  }
}

function nameOf({ containerPort, protocol }: PublishedAt): string {
  return `${containerPort}/${protocol}`;
}
