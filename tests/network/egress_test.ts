import { createSocket } from "node:dgram";
import { once } from "node:events";
import { assertEquals, assertMatch } from "../cli/assert.ts";
import { ctrHome, vmTest } from "../run/ctr_home.ts";
import { inside, out, runs } from "./containers.ts";

vmTest("a container with egress rules reaches what they allow", async (t) => {
  const own = Deno.networkInterfaces().find(({ family, address }) =>
    family === "IPv4" && !address.startsWith("127.")
  )?.address;
  const dns = await nameServer(own ?? "");
  await using home = await ctrHome(
    dns ? `[network]\nresolv_conf = "${dns.resolvConf}"\n` : "",
  );
  await using server = Deno.serve(
    { hostname: own ?? "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("outside\n"),
  );
  const { port } = server.addr;
  const get = (host: string) => `wget -qO- http://${host}:${port}/ 2>&1`;
  await t.step({
    name: "by address and port",
    ignore: own === undefined,
    fn: async () => {
      await runs(home, "some", ["--allow-host", `${own}:${port}`], "sleep", "1000");
      assertEquals(await inside(home, "some", get(own!)), "outside\n");
      assertMatch(
        await inside(home, "some", `nc -w 2 ${own} 1 </dev/null || echo refused`),
        /refused/,
      );
    },
  });
  await t.step({
    name: "and nothing else, which is counted",
    ignore: own === undefined,
    fn: async () => {
      await runs(home, "none", ["--egress", "deny"], "sleep", "1000");
      assertMatch(await inside(home, "none", get(own!)), /refused|reset|timed out/);
      const [network] = JSON.parse(await out(home, "network", "inspect", "default"));
      const denied = network.status.denials.some((each: { to: string }) =>
        each.to === `${own}:${port}`
      );
      assertEquals(denied, true, JSON.stringify(network.status.denials));
    },
  });
  await t.step({
    name: "by name",
    ignore: dns === undefined || own === undefined,
    fn: async () => {
      await runs(home, "named", ["--allow-host", "good.example"], "sleep", "1000");
      assertEquals(/outside/.test(await inside(home, "named", get("bad.example"))), false);
      assertEquals(/outside/.test(await inside(home, "named", get(own!))), false);
      assertEquals(await inside(home, "named", get("good.example")), "outside\n");
    },
  });
  await t.step({
    name: "by the name that a TLS client says, at an address that other names have too",
    ignore: dns === undefined || own === undefined,
    fn: async () => {
      await using server = helloServer(own!);
      const says = async (name: string) => {
        const to = ["exec", "-i", "named", "nc", "good.example", String(server.port)];
        return (await home.ctr(to, { stdin: await clientHello(name) })).stdout;
      };
      assertEquals(await says("good.example"), "a whole hello\n");
      assertEquals(await says("bad.example"), "");
      assertEquals(await says("sub.good.example"), "");
    },
  });
  await dns?.close();
});

/** What a TLS client says first to a server of that name. */
async function clientHello(name: string): Promise<Uint8Array> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connecting = Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using server = await listener.accept();
  const client = await Deno.startTls(await connecting, { hostname: name });
  const handshake = client.handshake().catch(() => {}); // nobody answers
  const buffer = new Uint8Array(16_384);
  const hello = buffer.slice(0, await server.read(buffer) ?? 0);
  server.close();
  await handshake;
  client.close();
  return hello;
}

/** Answers a TLS client's hello of which every byte has come. */
function helloServer(hostname: string) {
  const listener = Deno.listen({ hostname, port: 0 });
  const serving = (async () => {
    for await (const connection of listener) {
      const hello = new Uint8Array(16_384);
      let count = 0;
      const whole = () => count >= 5 && count >= 5 + (hello[3]! << 8 | hello[4]!);
      for (let more: number | null = 1; !whole() && more; count += more ?? 0) {
        more = await connection.read(hello.subarray(count));
      }
      const words = hello[0] === 22 && whole() ? "a whole hello\n" : "no hello\n";
      await connection.write(new TextEncoder().encode(words)).catch(() => {});
      connection.close();
    }
  })();
  return {
    port: listener.addr.port,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await serving.catch(() => {});
    },
  };
}

/** A name server for whoever reads its resolv.conf: every name has `address`. It needs port 53. */
async function nameServer(address: string) {
  const hostname = "127.0.53.53";
  const socket = createSocket("udp4");
  socket.bind(53, hostname);
  try {
    await once(socket, "listening");
  } catch {
    socket.close();
    return undefined;
  }
  const resolvConf = await Deno.makeTempFile();
  await Deno.writeTextFile(resolvConf, `nameserver ${hostname}\n`);
  socket.on("message", (question, from) => {
    const end = question.indexOf(0, 12) + 5;
    const ipv4 = question[end - 3] === 1;
    const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split(".").map(Number)];
    const head = [question[0]!, question[1]!, 0x81, 0x80, 0, 1, 0, ipv4 ? 1 : 0, 0, 0, 0, 0];
    const answer = [...head, ...question.subarray(12, end), ...ipv4 ? record : []];
    socket.send(new Uint8Array(answer), from.port, from.address);
  });
  return {
    resolvConf,
    close: async () => {
      socket.close();
      await Deno.remove(resolvConf);
    },
  };
}
