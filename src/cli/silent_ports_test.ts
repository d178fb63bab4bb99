import assert from "node:assert/strict";
import type { HttpResponse } from "./http.ts";
import { watchSilentPorts } from "./silent_ports.ts";

Deno.test("a published port that nobody listens at is told of, until the watch ends", async () => {
  const said: string[] = [];
  const told = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  let asked = "";
  const event = {
    time: new Date().toISOString(),
    type: "container",
    action: "silent_port",
    id: "0a1b",
    name: "web",
    attributes: { port: "80/tcp" },
  };
  async function* body() {
    const text = `${JSON.stringify(event)}\n`;
    yield new TextEncoder().encode(text.slice(0, 20));
    yield new TextEncoder().encode(text.slice(20));
    await closed.promise;
    throw new Deno.errors.Interrupted();
  }
  const engine = {
    stream: ({ path }: { path: string }) => {
      asked = path;
      const connection = { close: closed.resolve } as unknown as Deno.Conn;
      return Promise.resolve({ body: body(), connection } as unknown as HttpResponse);
    },
  };
  const line = (text: string) => {
    said.push(text);
    told.resolve();
  };
  const unwatch = watchSilentPorts({ stderr: { line } as never }, engine, {
    id: "0a1b",
    name: "web",
  });
  await told.promise;
  assert.deepEqual(said, ['note: nobody in "web" listens at 80/tcp, which is published']);
  assert.match(decodeURIComponent(asked), /filter=container=0a1b&filter=event=silent_port/);
  unwatch();
  await closed.promise;
});
