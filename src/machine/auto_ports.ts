import { isCtrError, type Log } from "../core/mod.ts";
import type { MachineContainer, PublishedByItself, PublishPorts } from "./types.ts";

/** What belongs to the system: name service, ssh, mail. Publishing them would surprise, and takes rights. */
const FIRST = 1024;
/** A machine whose programs open more than that is not served by itself. */
const MOST = 256;

/**
 * Shows the ports that somebody in a machine listens at under the same numbers on the host, and takes them away
 * when nobody does any more. What is published lives in the network's process, so it is looked up there.
 */
export class AutoPorts {
  readonly #publish: PublishPorts;
  readonly #log: Log;
  /** Of each machine, ports that the host has no room for: not tried again while they are listened at. */
  readonly #refused = new Map<string, Map<number, string>>();

  constructor(publish: PublishPorts, log: Log) {
    this.#publish = publish;
    this.#log = log;
  }

  /** Looks once. Never rejects: a machine that stops meanwhile is no failure. */
  async update(containerId: string, container: MachineContainer): Promise<void> {
    try {
      const wanted = new Set(
        (await container.listeningPorts()).filter((port) => port >= FIRST).slice(0, MOST),
      );
      const published = this.#publish.published(containerId);
      for (const each of published) if (!wanted.has(each.port)) await this.#publish.unpublish(each);
      const refused = this.#refusedOf(containerId);
      for (const port of refused.keys()) if (!wanted.has(port)) refused.delete(port);
      const known = new Set(published.map(({ port }) => port));
      for (const port of wanted) {
        if (!known.has(port) && !refused.has(port)) await this.#add(containerId, port, refused);
      }
    } catch (error) {
      this.#log.debug("look at a machine's ports", { containerId, error });
    }
  }

  /** What is shown, and what could not be, by port. */
  list(containerId: string): readonly PublishedByItself[] {
    const shown = this.#publish.published(containerId).map(({ port, host }) => ({ port, host }));
    const refused = [...this.#refusedOf(containerId)].map(([port, reason]) => ({ port, reason }));
    return [...shown, ...refused].sort((a, b) => a.port - b.port);
  }

  forget(containerId: string): void {
    this.#refused.delete(containerId);
  }

  async #add(containerId: string, port: number, refused: Map<number, string>): Promise<void> {
    try {
      await this.#publish.publish(containerId, port);
    } catch (error) {
      refused.set(port, isCtrError(error) ? error.message : "it could not be published");
    }
  }

  #refusedOf(containerId: string): Map<number, string> {
    const known = this.#refused.get(containerId);
    if (known) return known;
    const made = new Map<number, string>();
    this.#refused.set(containerId, made);
    return made;
  }
}
