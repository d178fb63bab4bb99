import assert from "node:assert/strict";
import { connectSocket, send } from "./http.ts";

const ANSWER = "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}";

Deno.test("send() reads what an engine answers before it has taken the whole request", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "ctr-http-" });
  const path = `${folder}/socket`;
  using listener = Deno.listen({ transport: "unix", path });
  const bodies: [string, Uint8Array | ReadableStream<Uint8Array>][] = [
    ["small", new Uint8Array(2)],
    ["larger than what a socket holds", new Uint8Array(1 << 20)],
    ["a stream", new Blob([new Uint8Array(1 << 20)]).stream()],
  ];
  for (const [name, body] of bodies) {
    await t.step(name, async () => {
      const connection = await connectSocket(path);
      const engine = await listener.accept();
      const answered = (async () => {
        await engine.read(new Uint8Array(16));
        await engine.write(new TextEncoder().encode(ANSWER));
        engine.close();
      })();
      const response = await send(connection, { method: "POST", path: "/", body });
      await answered;
      assert.equal(response.status, 404);
      connection.close();
    });
  }
  await Deno.remove(folder, { recursive: true });
});
