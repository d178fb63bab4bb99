import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { SILENT } from "../core/mod.ts";
import { Networks } from "./networks.ts";
import { NetworkRecords } from "./records.ts";
import type { EndpointRequest } from "./types.ts";

/** A home with networks whose processes are real, and guests that are sockets. */
class Home implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "ctr-net-" });
  readonly db = new DatabaseSync(":memory:");
  networks = this.open();
  readonly #servers: Server[] = [];

  open(): Networks {
    this.db.exec("PRAGMA foreign_keys = ON");
    return new Networks({ home: this.path, records: new NetworkRecords(this.db), log: SILENT });
  }

  /** A monitor's end of a wire; resolves with each connection of the switch. */
  async wire(name: string): Promise<{ socket: string; next(): Promise<Socket> }> {
    const socket = `${this.path}/${name}.sock`;
    const came: Socket[] = [];
    let wake = () => {};
    const server = createServer((connection) => {
      came.push(connection.on("error", () => {}));
      wake();
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    this.#servers.push(server);
    return {
      socket,
      next: async () => {
        while (came.length === 0) await new Promise<void>((resolve) => wake = resolve);
        return came.shift()!;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const { name } of this.networks.list()) await this.networks.process(name).stop();
    this.db.close();
    await Deno.remove(this.path, { recursive: true });
  }
}

function request(name: string, more: Partial<EndpointRequest> = {}): EndpointRequest {
  return { network: "default", container: { id: name.padEnd(64, "0"), name }, ...more };
}

Deno.test("networks", async (t) => {
  await using home = new Home();
  const { networks } = home;
  await t.step("have ranges of their own", () => {
    const made = networks.create({ name: "back", internal: true });
    const built = networks.get("bridge");
    assert.equal(built.name, "default");
    assert.notEqual(made.ipv4, built.ipv4);
    assert.throws(() => networks.create({ name: "back" }), { code: "exists" });
    assert.throws(() => networks.create({ name: "over", ipv4: made.ipv4 }), { code: "conflict" });
    for (const name of ["", "Back", "-x", "none", "host"]) {
      assert.throws(() => networks.create({ name }), { code: "usage" }, name);
    }
    assert.throws(() => networks.get("nowhere"), { code: "not-found" });
  });
  await t.step("give a container the address that it had", async () => {
    const first = await networks.attach(request("web"));
    const second = await networks.attach(request("db", { aliases: ["database"] }));
    assert.notDeepEqual(first.addresses, second.addresses);
    assert.ok(second.names.includes("database.default") && second.names.includes("db.test"));
    await networks.release("web".padEnd(64, "0"));
    const other = await networks.attach(request("other"));
    assert.notDeepEqual(other.addresses, first.addresses); // web's is kept for it
    assert.deepEqual(await networks.attach(request("web")), first);
    const ip = second.addresses[0]!.replace(/\/.*/, "");
    await assert.rejects(networks.attach(request("thief", { ip })), /"db" has it/);
    await assert.rejects(networks.attach(request("far", { ip: "192.0.2.1" })), { code: "usage" });
    await assert.rejects(networks.remove("default"), { code: "invalid-state" });
  });
  await t.step("connect to a monitor, and again when their process was killed", async () => {
    const { socket, next } = await home.wire("web");
    const endpoint = await networks.attach(request("web"));
    const id = "web".padEnd(64, "0");
    await networks.plug(endpoint, { id, socket });
    const port = {
      protocol: "tcp",
      hostAddress: "127.0.0.1",
      hostPort: 0,
      containerPort: 80,
    } as const;
    const host = await networks.publish(endpoint, id, port);
    const wire = await next();
    const gone = new Promise((resolve) => wire.once("close", resolve).resume());
    const { pid } = networks.process("default");
    const began = performance.now();
    Deno.kill(pid!, "SIGKILL");
    await gone;
    await next();
    assert.ok(performance.now() - began < 2000, `it took ${performance.now() - began} ms`);
    const status = await networks.status("default");
    assert.deepEqual(status?.published.map((each) => each.host), [`127.0.0.1:${host.hostPort}`]); // at the same port
    const taken = { ...port, hostPort: host.hostPort };
    await assert.rejects(networks.publish(endpoint, id, taken), /container "web" has it/);
  });
  await t.step("are found by the next engine", async () => {
    const { pid } = networks.process("default");
    networks.releaseAll();
    const next = home.networks = home.open();
    const status = await next.process("default").adopt();
    assert.equal(next.process("default").pid, pid);
    assert.deepEqual(status?.ports.map(({ id }) => id), ["web".padEnd(64, "0")]);
  });
  await t.step("leave nothing when they stop", async () => {
    const { pid } = home.networks.process("default");
    await home.networks.stopUnused();
    assert.throws(() => Deno.kill(pid!, "SIGCONT"), Deno.errors.NotFound);
    await home.networks.remove("back");
    assert.equal(home.networks.list().length, 1);
  });
});
