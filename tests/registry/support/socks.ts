import { connect, createServer, type Socket } from "node:net";

/** A SOCKS5 proxy that leads every name to one port of this machine, and keeps what it was asked. */
export async function listenSocks(target: number) {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const server = createServer((client) => {
    sockets.add(client.on("error", () => {}));
    let step: "greeting" | "login" | "request" = "greeting";
    const onData = (data: Uint8Array) => {
      if (step === "greeting") {
        const login = data.subarray(2).includes(2);
        step = login ? "login" : "request";
        client.write(new Uint8Array([5, login ? 2 : 0]));
      } else if (step === "login") {
        const end = 2 + data[1]!;
        asked.push(`${text(data.subarray(2, end))}:${text(data.subarray(end + 1))}`);
        step = "request";
        client.write(new Uint8Array([1, 0]));
      } else {
        asked.push(text(data.subarray(5, 5 + data[4]!)));
        client.off("data", onData);
        const upstream = connect(target, "127.0.0.1", () => {
          client.write(new Uint8Array([5, 0, 0, 1, 127, 0, 0, 1, 0, 80]));
          client.pipe(upstream).pipe(client);
        });
        sockets.add(upstream.on("error", () => {}));
      }
    };
    client.on("data", onData);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  return {
    asked,
    host: `127.0.0.1:${(server.address() as { port: number }).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      await closed.promise;
    },
  };
}
