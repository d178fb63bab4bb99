import { connect, createServer, type Server, type Socket } from "node:net";

/** An HTTP proxy that leads every name to one port of this machine, and keeps what it was asked. */
export class TestProxy implements AsyncDisposable {
  /** First lines of requests. */
  readonly asked: string[] = [];
  /** `user:password` that it wants. */
  login: string | undefined;
  #server: Server;
  #sockets = new Set<Socket>();

  private constructor(readonly target: number) {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async listen(target: number): Promise<TestProxy> {
    const proxy = new TestProxy(target);
    const { promise, resolve } = Promise.withResolvers<void>();
    proxy.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return proxy;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  #serve(client: Socket): void {
    this.#keep(client);
    let head = "";
    const onData = (data: Uint8Array) => {
      head += new TextDecoder("latin1").decode(data);
      if (!head.includes("\r\n\r\n")) return;
      client.off("data", onData);
      const [line = ""] = head.split("\r\n");
      this.asked.push(line);
      const sent = /^proxy-authorization: basic (\S+)/im.exec(head)?.[1];
      if (this.login !== undefined && sent !== btoa(this.login)) {
        client.end(
          "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n" +
            "Content-Length: 0\r\nConnection: close\r\n\r\n",
        );
        return;
      }
      const server = this.#keep(connect(this.target, "127.0.0.1"));
      if (line.startsWith("CONNECT ")) {
        server.once("connect", () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
      } else {
        // Origin form; one request per connection is enough here.
        const plain = head.replace(/^(\w+ )http:\/\/[^/ ]+/, "$1")
          .replace(/^connection:.*\r\n/im, "").replace("\r\n", "\r\nConnection: close\r\n");
        server.write(plain);
      }
      client.pipe(server).pipe(client);
    };
    client.on("data", onData);
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on("error", () => {}).on("close", () => this.#sockets.delete(socket));
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }
}
