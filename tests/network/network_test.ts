import { createSocket } from "node:dgram";
import { once } from "node:events";
import { assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, ctrHome, DEBIAN, vmTest } from "../run/ctr_home.ts";
import { inside, out, QUIET, runs } from "./containers.ts";

const WEB =
  "mkdir /www; echo hello > /www/index.html; httpd -p 80 -h /www; httpd -p 127.0.0.1:81 -h /www; " +
  "sleep 1000";
const UDP_ECHO =
  "use IO::Socket::INET; @at = fork ? (LocalPort => 90) : (LocalPort => 91, LocalAddr => '127.0.0.1'); " +
  "$s = IO::Socket::INET->new(@at, Proto => 'udp'); " +
  "$s->send($_) while $s->recv($_, 2048)";

async function fetched(url: string, deadlineMs = 5000): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(deadlineMs) });
  return await response.text();
}

/** @returns How long it took until it answered, milliseconds. */
async function answersAgain(url: string, withinMs: number): Promise<number> {
  const began = performance.now();
  for (;;) {
    try {
      await fetched(url, 500);
      return performance.now() - began;
    } catch (error) {
      if (performance.now() - began > withinMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function echoed(port: number, text: string): Promise<string> {
  const socket = createSocket("udp4");
  try {
    const answer = once(socket, "message", { signal: AbortSignal.timeout(5000) });
    socket.send(text, port, "127.0.0.1");
    return String((await answer)[0]);
  } finally {
    socket.close();
  }
}

const GONE = /bad address|can't resolve|NXDOMAIN|can't find/;

vmTest("containers of a network reach each other, and nobody else does", async (t) => {
  await using home = await ctrHome();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("from the host\n"),
  );
  await out(home, "network", "create", "six", "--subnet", "none");
  await out(home, "network", "create", "closed", "--internal");
  await runs(
    home,
    "web",
    [
      ...["--network", "default,alias=www", "--network", "six"],
      ...["-p", "80", "-p", "81", "-p", "127.0.0.1:0:82"],
    ],
    "sh",
    "-c",
    WEB,
  );
  const web = JSON.parse(await out(home, "inspect", "web"))[0].status;
  const [first, second] = web.networks;
  const address = first.ipv4Address.replace(/\/.*/, "");
  await Promise.all([
    runs(
      home,
      "client",
      ["--privileged", "--network", "default,mtu=1400", "--network", "six"],
      "sleep",
      "1000",
    ),
    runs(home, "closed", ["--network", "closed"], "sleep", "1000"),
    out(
      home,
      ...["run", "-d", "--name", "echo", ...QUIET, "-p", "90/udp", "-p", "91/udp"],
      ...[DEBIAN, "perl", "-e", UDP_ECHO],
    ),
  ]);
  const client = (line: string) => inside(home, "client", line);
  const portOf = async (port: string, name = "web") =>
    Number((await out(home, "port", name, port)).split("\n")[0]!.split(":")[1]);

  await t.step("by name, alias, short ID, name of the network and address", async () => {
    const id = JSON.parse(await out(home, "inspect", "web"))[0].id.slice(0, 12);
    for (const name of ["web", "www", id, "web.default", "www.test", address]) {
      assertEquals(await client(`wget -qO- http://${name}/`), "hello\n", name);
    }
    assertMatch(await client(`nslookup ${address}`), /name = web/);
    assertMatch(await client("ping -c 1 -W 5 web"), /1 packets received/);
    assertMatch(await client("cat /etc/resolv.conf"), /^nameserver 127.0.0.11$/m);
  });
  await t.step("in a network of IPv6 alone", async () => {
    assertEquals([second.network, second.ipv4Address], ["six", undefined]);
    const six = second.ipv6Address.replace(/\/.*/, "");
    assertMatch(await client("nslookup web.six"), new RegExp(`Address: ${six}`));
    assertEquals(await client(`wget -qO- http://[${six}]/`), "hello\n");
  });
  await t.step("with the MTU that was asked for", async () => {
    assertMatch(await client("ip link show eth0"), /mtu 1400/);
  });
  await t.step("and not from another network", async () => {
    const scan = `ping -c 1 -W 1 ${address}; nc -w 2 ${address} 80 </dev/null && echo open`;
    const found = await inside(home, "closed", `${scan}; nslookup web`);
    assertMatch(found, /0 packets received/);
    assertMatch(found, GONE);
    assertEquals(/open/.test(found), false);
  });
  await t.step("a guest that forges its address gets nothing through", async () => {
    const forged = first.ipv4Address.replace(/\d+\/.*/, "77");
    const lines = `ip addr add ${forged}/24 dev eth0; ping -c 2 -W 1 -I ${forged} ${address}`;
    assertMatch(await client(lines), /0 packets received/);
    const mac = "ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:99; " +
      `ip link set eth0 up; ping -c 1 -W 1 ${address}; ip link set eth0 down; ` +
      "ip link set eth0 address $old; ip link set eth0 up";
    await client(`old=$(cat /sys/class/net/eth0/address); ${mac}`);
    const dropped = await out(
      home,
      "network",
      "inspect",
      "default",
      "--format",
      "{{.status.dropped.spoofed}}",
    );
    assertEquals(Number(dropped) > 0, true, dropped);
  });
  await t.step(
    "the host's services are reached by a name of their own, unless it is off",
    async () => {
      const url = (host: string) => `wget -qO- http://${host}:${server.addr.port}/`;
      assertEquals(await inside(home, "web", url("host.docker.internal")), "from the host\n");
      const host = first.ipv4Address.replace(/\d+\/.*/, "254");
      assertMatch(await inside(home, "closed", url("host.docker.internal")), GONE);
      const kept = ["run", "--rm", ...QUIET, "--no-host-access", BUSYBOX, "sh", "-c"];
      const { stdout } = await home.ctr([
        ...kept,
        `${url(host)} 2>&1; ${url("host.ctr.internal")} 2>&1`,
      ]);
      assertMatch(stdout, /refused|timed out|reset/);
      assertMatch(stdout, GONE);
    },
  );
  await t.step(
    "ports are published, of services that listen on the loopback alone too",
    async () => {
      for (const port of ["80", "81"]) {
        const at = await portOf(port);
        for (const host of ["127.0.0.1", "[::1]"]) {
          assertEquals(await fetched(`http://${host}:${at}/`), "hello\n");
        }
      }
      for (const port of ["90/udp", "91/udp"]) {
        assertEquals(await echoed(await portOf(port, "echo"), "over UDP"), "over UDP");
      }
      const { stderr } = await home.ctr(["port", "web", "82"]);
      assertEquals(stderr, 'note: nobody in "web" listens at 82/tcp\n');
      assertEquals((await home.ctr(["port", "echo"])).stderr, "");
      const { stdout } = await home.ctr(["ls", "--format", "{{.Names}} {{.Ports}}"]);
      assertMatch(stdout, /web .*127.0.0.1:\d+->80\/tcp, \[::1\]:\d+->80\/tcp/);
    },
  );
  await t.step("a port that is taken says by whom", async () => {
    const port = await portOf("80");
    const { status, stderr } = await home.ctr([
      "run",
      ...QUIET,
      "-p",
      `${port}:80`,
      BUSYBOX,
      "true",
    ]);
    assertEquals(status, 125);
    assertMatch(stderr, /cannot publish port \d+\/tcp at 127.0.0.1: container "web" has it/);
  });
  await t.step("what runs is not connected, what does not is", async () => {
    const { status, stderr } = await home.ctr(["network", "connect", "closed", "web"]);
    assertEquals(status, 1);
    assertMatch(stderr, /it runs, and its VM gets its networks when it starts/);
    await out(home, "network", "create", "gone");
    assertEquals(await out(home, "network", "prune"), "gone");
    assertMatch((await home.ctr(["network", "rm", "six"])).stderr, /"(web|client)" is in it/);
  });
  await t.step("ports go on while no engine runs, and the next one knows them", async () => {
    const url = `http://127.0.0.1:${await portOf("80")}/`;
    Deno.kill(await home.enginePid(), "SIGKILL");
    assertEquals(await fetched(url), "hello\n");
    assertEquals(url, `http://127.0.0.1:${await portOf("80")}/`);
    assertEquals(await client(`wget -qO- http://web/`), "hello\n");
  });
  await t.step("a network whose process is killed under load is back within 2 s", async () => {
    const url = `http://127.0.0.1:${await portOf("80")}/`;
    const pid = Number(
      await out(home, "network", "inspect", "default", "--format", "{{.status.pid}}"),
    );
    let loading = true;
    const load = Promise.all(Array.from({ length: 8 }, async () => {
      while (loading) await fetched(url, 500).catch(() => {});
    }));
    Deno.kill(pid, "SIGKILL");
    const tookMs = await answersAgain(url, 5000);
    loading = false;
    await load;
    assertEquals(tookMs < 2000, true, `${tookMs} ms`);
    assertEquals(await client("wget -qO- http://www/"), "hello\n");
  });
  await t.step("a container that is renamed is found by its new name", async () => {
    await out(home, "rename", "echo", "said");
    assertMatch(await client("nslookup said.test"), /Name:\s+said.test/);
    assertMatch(await client("nslookup echo.test"), GONE);
  });
  await t.step("a name is gone when its container has ended", async () => {
    assertMatch(
      await out(home, "dns", "query", "www", "--network", "default"),
      new RegExp(address),
    );
    await out(home, "stop", "-t", "0", "web");
    const { status, stderr } = await home.ctr(["dns", "query", "www"]);
    assertEquals([status, stderr], [
      1,
      'error: cannot find "www": no container that runs has it\n',
    ]);
    assertMatch(await client("nslookup web"), GONE);
  });
});
