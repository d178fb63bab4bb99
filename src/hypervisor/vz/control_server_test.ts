import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { ControlServer } from "./control_server.ts";

Deno.test("who connects before the server is ready is told when it is", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ctr-control-" });
  const path = join(folder, "vm.sock");
  const listening = ControlServer.listen(path, () => Promise.resolve());
  // As soon as the socket is there, which is before listen() has resolved.
  while (!await Deno.lstat(path).then(() => true, () => false)) await Promise.resolve();
  const said = new Promise<string>((resolve, reject) => {
    const socket = connect(path);
    socket.setEncoding("utf8");
    socket.once("data", (text: string) => (resolve(text), socket.destroy())).once("error", reject);
  });
  const server = await listening;
  server.ready();
  assert.match(await said, /^\{"hello":/);
  await server.ended({ how: "stopped" });
  await Deno.remove(folder, { recursive: true });
});
