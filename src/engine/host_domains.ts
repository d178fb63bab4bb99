import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import { z } from "zod";
import { CtrError, type Log, writeFileAtomic } from "../core/mod.ts";
import { answerMessage, readQuestion, type Verdict } from "../dns/mod.ts";
import type { Networks } from "../network/mod.ts";

const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const INTERNET = 1;
/** Where published ports are. */
const LOCALHOST = [new Uint8Array([127, 0, 0, 1]), new Uint8Array(16).with(15, 1)];
const Domains = z.array(z.string());

/**
 * Domains in which the host finds containers: `web.test` is where the published ports of the container
 * `web` are, this host's loopback. Asked by whatever resolver of the host was told to.
 */
export class HostDomains {
  readonly #path: string;
  readonly #networks: Pick<Networks, "ask" | "list">;
  readonly #port: number;
  readonly #log: Log;
  #domains: readonly string[] = [];
  #socket: Socket | undefined;

  /** @param options.port UDP, of 127.0.0.1. */
  constructor(
    options: {
      readonly home: string;
      readonly port: number;
      readonly networks: Pick<Networks, "ask" | "list">;
      readonly log: Log;
    },
  ) {
    this.#path = join(options.home, "domains.json");
    this.#networks = options.networks;
    this.#port = options.port;
    this.#log = options.log;
  }

  get port(): number {
    return this.#port;
  }

  /** By name. */
  list(): readonly string[] {
    return this.#domains;
  }

  /** Reads what there is, and answers if it is any. */
  async open(): Promise<void> {
    const text = await Deno.readTextFile(this.#path).catch(() => "[]");
    const read = Domains.safeParse(parseJson(text));
    if (!read.success) this.#log.error("read the domains", { path: this.#path });
    this.#domains = read.data ?? [];
    await this.#serve().catch((error) => this.#log.error("answer for domains", { error }));
  }

  /** @throws {CtrError} `usage`, `exists`; `conflict` if the port is taken. */
  async create(name: string): Promise<void> {
    if (!NAME.test(name) || name.length > 253) {
      throw new CtrError("usage", `cannot make domain "${name}": want lower-case letters and dots`);
    }
    if (this.#domains.includes(name)) {
      throw new CtrError("exists", `cannot make domain "${name}": there is one of that name`);
    }
    const before = this.#domains;
    this.#domains = [...before, name].sort();
    try {
      await this.#serve();
      await this.#write();
    } catch (error) {
      this.#domains = before;
      throw error;
    }
  }

  /** @throws {CtrError} `not-found`. */
  async delete(name: string): Promise<void> {
    if (!this.#domains.includes(name)) {
      throw new CtrError("not-found", `cannot delete domain "${name}": there is none of that name`);
    }
    this.#domains = this.#domains.filter((each) => each !== name);
    await this.#write();
    if (this.#domains.length === 0) await this.close();
  }

  /** Resolves when the port is free. */
  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket) await new Promise<void>((resolve) => socket.close(resolve));
  }

  async #write(): Promise<void> {
    await writeFileAtomic(this.#path, JSON.stringify(this.#domains));
  }

  async #serve(): Promise<void> {
    if (this.#socket || this.#domains.length === 0) return;
    const socket = createSocket("udp4");
    try {
      socket.bind(this.#port, "127.0.0.1");
      await once(socket, "listening");
    } catch (cause) {
      socket.close();
      const what = `cannot answer at UDP port ${this.#port} of 127.0.0.1`;
      throw new CtrError("conflict", `${what}: another program has it`, {
        hint: "set network.dns_port in the configuration to a free one",
        cause,
      });
    }
    socket.on("error", (error) => this.#log.error("answer for domains", { error }));
    socket.on("message", (message, from) => {
      const question = readQuestion(message);
      if (!question) return;
      this.#verdict(question.name, question.class).then((verdict) => {
        if (this.#socket !== socket) return;
        socket.send(answerMessage(message, question, verdict), from.port, from.address);
      }).catch((error) => this.#log.error("answer for a domain", { error }));
    });
    socket.unref();
    this.#socket = socket;
  }

  async #verdict(name: string, asked: number): Promise<Verdict> {
    const domain = this.#domains.find((each) => name === each || name.endsWith(`.${each}`));
    if (domain === undefined || asked !== INTERNET) return { kind: "refused" };
    if (name === domain) return { kind: "known", addresses: [] };
    const label = name.slice(0, -domain.length - 1);
    const found = await Promise.all(
      this.#networks.list().map((network) => this.#networks.ask(network.name, label)),
    );
    const known = found.some((addresses) => addresses.length > 0);
    return known ? { kind: "known", addresses: LOCALHOST } : { kind: "unknown" };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
