import { createServer, type Server, type Socket } from "node:net";
import { descriptorOf } from "../../host/mod.ts";
import { HALF_OPEN, listenUnix } from "./control_server.ts";
import type { Shim } from "./shim.ts";

/** What a wire needs of the shim. */
export type Descriptors = Pick<Shim, "pair" | "close" | "sendDescriptor" | "drain">;

/**
 * The wire of one NIC. The VM has one end of a datagram pair for as long as it lives; who connects to the
 * NIC's socket is handed the other, so frames take no way through this process. A second one takes the
 * wire over, and frames that nobody has read are lost.
 */
export class NicWire {
  /** For the framework, which duplicates it. */
  readonly guestEnd: number;
  readonly #farEnd: number;
  readonly #descriptors: Descriptors;
  readonly #server: Server;
  #holder: Socket | undefined;
  #guestEndOpen = true;

  private constructor(server: Server, descriptors: Descriptors) {
    this.#server = server;
    this.#descriptors = descriptors;
    [this.guestEnd, this.#farEnd] = descriptors.pair("datagram");
    server.on("connection", (socket) => this.#handOver(socket));
  }

  static async listen(path: string, descriptors: Descriptors): Promise<NicWire> {
    const server = createServer(HALF_OPEN);
    const wire = new NicWire(server, descriptors);
    await listenUnix(server, path);
    return wire;
  }

  /** The VM has its own copy. */
  taken(): void {
    if (!this.#guestEndOpen) return;
    this.#guestEndOpen = false;
    this.#descriptors.close(this.guestEnd);
  }

  close(): void {
    this.taken();
    this.#server.close();
    this.#holder?.destroy();
    this.#descriptors.close(this.#farEnd);
  }

  #handOver(socket: Socket): void {
    this.#holder?.destroy();
    this.#holder = socket;
    socket.on("error", () => {}); // "close" follows
    socket.on("end", () => socket.destroy());
    socket.resume(); // nothing is expected; its end is
    this.#descriptors.drain(this.#farEnd);
    const fd = descriptorOf(socket);
    if (fd === undefined || !this.#descriptors.sendDescriptor(fd, this.#farEnd)) socket.destroy();
  }
}
