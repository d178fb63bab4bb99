import { deepStrictEqual as equal, rejects } from "node:assert/strict";
import { isCtrError } from "../../src/core/mod.ts";
import { collect, container, probeLayer, TestVm } from "./vm.ts";
import { drain, send } from "./streams.ts";

const quiet = { sanitizeOps: false, sanitizeResources: false };
const folder = await Deno.makeTempDir();
const layer = { path: await probeLayer(folder, "x86_64"), serial: "layer0", readonly: true };
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const text = (bytes: Uint8Array[]) => bytes.map((b) => new TextDecoder().decode(b)).join("");

Deno.test("connections into and out of a container", quiet, async (t) => {
  await using vm = await TestVm.start(folder, { disks: [layer] });
  const guest = await vm.connect();
  await guest.startContainer(container(["probe", "trap"]));
  const started = async (id: string, word: string) => {
    for await (const event of guest.output(id, 0)) {
      if (event.kind === "data" && new TextDecoder().decode(event.data).includes(word)) return;
    }
  };
  for (
    const [network, address, where] of [["unix", "/tmp/s", "/tmp/s"], [
      "tcp",
      "localhost:7",
      "7",
    ]] as const
  ) {
    await t.step(`${network}: both directions, each with its own end`, async () => {
      await guest.startProcess("c1", { id: network, args: ["probe", "serve", network, where] });
      await started(network, "serving");
      await guest.openStream("c1", `d-${network}`, { kind: "dial", network, address });
      const data = new Uint8Array(300_000).fill(7);
      let got = 0;
      const tail: Uint8Array[] = [];
      const following = drain(guest, `d-${network}`, (piece) => {
        got += piece.length;
        if (got > data.length) tail.push(piece.slice(-4));
      });
      await send(guest, `d-${network}`, data);
      const exit = await following;
      equal([exit.status, exit.error, got, text(tail).slice(-4)], [
        0,
        "",
        data.length + 4,
        "end\n",
      ]);
    });
  }
  await t.step("nobody there", async () => {
    const dial = (network: "unix" | "tcp", address: string) =>
      guest.openStream("c1", "none", { kind: "dial", network, address });
    await rejects(dial("unix", "/tmp/none"), (error) => isCtrError(error, "not-found"));
    await rejects(dial("tcp", "127.0.0.1:9"), (error) => isCtrError(error, "unavailable"));
    await rejects(dial("tcp", "example.com:9"), (error) => isCtrError(error, "usage"));
  });
  await t.step(
    "a listener's connections become streams, and a half that ends is told",
    async () => {
      await guest.listen("c1", {
        id: "agent",
        path: "/run/agent.sock",
        mode: 0o600,
        uid: 0,
        gid: 0,
      });
      equal((await guest.containerState("c1")).listeners, ["agent"]);
      const stop = new AbortController();
      await guest.startProcess("c1", {
        id: "say",
        args: ["probe", "say", "unix", "/run/agent.sock", "hello"],
      });
      for await (const { listenerId, streamId } of guest.accepted("c1", stop.signal)) {
        equal(listenerId, "agent");
        const pieces: Uint8Array[] = [];
        const ended = Promise.withResolvers<void>();
        const following = drain(
          guest,
          streamId,
          (piece) => void pieces.push(piece.slice()),
          ended.resolve,
        );
        await ended.promise; // the client has ended its half and waits
        equal(text(pieces), "hello");
        await send(guest, streamId, new TextEncoder().encode("answer"));
        equal((await following).status, 0);
        break;
      }
      equal((await collect(guest, "say")).out, "answer");
      await guest.closeListener("agent");
      await guest.startProcess("c1", {
        id: "late",
        args: ["probe", "say", "unix", "/run/agent.sock", "x"],
      });
      equal((await collect(guest, "late")).out, "Connection refused\n");
    },
  );
  await t.step(
    "a stream is listed, and ends when it is forgotten or its container ends",
    async () => {
      for (const id of ["one", "two"]) {
        await guest.openStream("c1", id, { kind: "dial", network: "tcp", address: "127.0.0.1:7" });
      }
      const listed = async () => (await guest.processes()).map((p) => p.processId);
      equal((await listed()).filter((id) => id === "one" || id === "two").length, 2);
      await guest.forget("one");
      equal((await listed()).includes("one"), false);
      const following = drain(guest, "two");
      await guest.signal("c1", 15);
      await following;
    },
  );
});
