/**
 * A monitor that misbehaves: the first argument says how, the last one is the VM's folder.
 *
 * @module
 */
import { createServer } from "node:net";

const [how, folder] = Deno.args;
if (how === "dies at once") {
  console.error("error: the framework said no");
  Deno.exit(1);
}
const hello = JSON.stringify({
  hello: { protocol: how === "is of another time" ? 99 : 1, pid: Deno.pid },
});
const failed = JSON.stringify({
  failed: { code: "denied", message: "cannot start VM: not signed" },
});

createServer((socket) => {
  socket.on("error", () => {});
  socket.write(`${how === "refuses" ? failed : hello}\n`);
  socket.once("data", () => { // the first ping
    if (how === "sends garbage") socket.write('{"garbage":1}\n');
    if (how === "floods") socket.write("x".repeat(3_000_000));
    if (how === "hangs") Deno.kill(Deno.pid, "SIGSTOP");
    if (how === "crashes") {
      console.error("error: trapped in dispatch_assert_queue");
      Deno.exit(5);
    }
    if (how === "is killed") Deno.kill(Deno.pid, "SIGKILL");
    if (how === "tells the end") {
      socket.end(
        `${JSON.stringify({ ended: { how: "failed", reason: "the guest ended by itself" } })}\n`,
      );
      setTimeout(() => Deno.exit(0), 50);
    }
  });
}).listen(`${folder}/vm.sock`);
