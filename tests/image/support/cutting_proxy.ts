/** Passes TCP connections on to a registry, and breaks some of them in the middle of what is sent. */
export class CuttingProxy implements AsyncDisposable {
  /** Bytes from the client after which each of the next connections is broken. */
  readonly cuts: number[] = [];
  broken = 0;
  #listener: Deno.TcpListener;
  #target: { readonly hostname: string; readonly port: number };
  #connections = new Set<Deno.Conn>();

  constructor(host: string) {
    const [hostname = "", port = ""] = host.split(":");
    this.#target = { hostname, port: Number(port) };
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#accept();
  }

  get host(): string {
    return `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) this.#serve(client);
    } catch { /* closed */ }
  }

  async #serve(client: Deno.Conn): Promise<void> {
    const server = await Deno.connect(this.#target);
    const both = [client, server];
    for (const connection of both) this.#connections.add(connection);
    const close = () => {
      for (const connection of both) {
        if (!this.#connections.delete(connection)) continue;
        connection.close();
      }
    };
    this.#pipe(server, client).finally(close);
    this.#pipe(client, server, () => this.#mayPass()).finally(close);
  }

  /** Decided for each large message: a connection serves many requests. */
  #mayPass(): number {
    return this.cuts[0] ?? Infinity;
  }

  async #pipe(from: Deno.Conn, to: Deno.Conn, limit?: () => number): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    let passed = 0;
    try {
      for (;;) {
        const got = await from.read(buffer);
        if (got === null) return;
        passed += got;
        if (limit && passed > limit()) {
          this.cuts.shift();
          this.broken++;
          return;
        }
        for (let at = 0; at < got;) at += await to.write(buffer.subarray(at, got));
      }
    } catch { /* one side is gone: the other goes too */ }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
    return Promise.resolve();
  }
}
