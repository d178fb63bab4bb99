import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { SILENT } from "../core/mod.ts";
import type { NetworkConfig } from "../network/mod.ts";
import { HostDomains } from "./host_domains.ts";

const networks = {
  list: () => [{ name: "default" } as NetworkConfig],
  ask: (_network: string, name: string) => Promise.resolve(name === "web" ? ["10.0.0.2"] : []),
};

async function freePort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

/** @returns The code of the answer and the bytes behind the question. */
async function ask(port: number, name: string, type: number): Promise<[number, number[]]> {
  const labels = name.split(".").flatMap((
    label,
  ) => [label.length, ...new TextEncoder().encode(label)]);
  const question = [1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, type, 0, 1];
  const socket = createSocket("udp4");
  try {
    socket.send(new Uint8Array(question), port, "127.0.0.1");
    const [answer] = await once(socket, "message", { signal: AbortSignal.timeout(5000) });
    return [answer[3] & 15, [...answer.subarray(question.length)]];
  } finally {
    socket.close();
  }
}

Deno.test("domains of the host", async (t) => {
  const home = await Deno.makeTempDir();
  const port = await freePort();
  const open = async () => {
    const domains = new HostDomains({ home, port, networks, log: SILENT });
    await domains.open();
    return domains;
  };
  let domains = await open();
  await t.step("say where the published ports of a container are", async () => {
    await domains.create("dev.test");
    assert.deepEqual((await ask(port, "web.dev.test", 1))[1].slice(-4), [127, 0, 0, 1]);
    assert.deepEqual((await ask(port, "web.dev.test", 28))[1].slice(-2), [0, 1]);
    assert.deepEqual(await ask(port, "db.dev.test", 1), [3, []]);
    assert.deepEqual(await ask(port, "web.example", 1), [5, []]);
    assert.deepEqual(await ask(port, "dev.test", 1), [0, []]);
  });
  await t.step("are kept by the next engine", async () => {
    await domains.close();
    domains = await open();
    assert.deepEqual(domains.list(), ["dev.test"]);
    assert.deepEqual((await ask(port, "web.dev.test", 1))[0], 0);
  });
  await t.step("refuse what cannot be", async () => {
    await assert.rejects(domains.create("dev.test"), { code: "exists" });
    await assert.rejects(domains.create("a b"), { code: "usage" });
    await assert.rejects(domains.delete("none"), { code: "not-found" });
  });
  await t.step("leave no socket when the last one goes", async () => {
    await domains.delete("dev.test");
    const socket = createSocket("udp4").bind(port, "127.0.0.1");
    await once(socket, "listening");
    await assert.rejects(domains.create("again.test"), { code: "conflict" });
    assert.deepEqual(domains.list(), []);
    socket.close();
  });
  await Deno.remove(home, { recursive: true });
});
