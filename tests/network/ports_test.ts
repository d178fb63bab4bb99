import { assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome, ctrHome, DEBIAN, vmTest } from "../run/ctr_home.ts";
import { inside, out, QUIET } from "./containers.ts";
import { NetdWatch } from "./netd_watch.ts";

/** Says the first line that it is told. */
const ECHO = "use IO::Socket::INET; " +
  "$s = IO::Socket::INET->new(LocalPort => 80, Listen => 1024, ReuseAddr => 1); " +
  "while ($c = $s->accept) { print $c scalar <$c>; close $c }";
/** What udhcpc runs: what it was told, and the address as it is told. */
const BOUND = "#!/bin/sh\n" +
  "[ $1 = bound ] || exit 0\n" +
  "echo told $ip $subnet $router $dns $mtu\n" +
  "ip addr add $ip/$mask dev $interface\n";
/** Root may do without this right, as everybody else does. */
const WITHOUT_LOW_PORTS = ["setpriv", "--bounding-set=-net_bind_service"];

/** Port of the host by port of the container, as `80/tcp`. */
async function portsOf(home: CtrHome, name: string): Promise<Map<string, number>> {
  const { stdout } = await home.ctr(["port", name]);
  const lines = stdout.trim().split("\n").filter((each) => /-> 127/.test(each));
  return new Map(lines.map((each) => [each.split(" ")[0]!, Number(each.split(":").at(-1))]));
}

/** What a server answers to a line. */
async function told(port: number, line: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(line));
  return await new Response(connection.readable).text();
}

vmTest("containers with ports and addresses that were asked for", async (t) => {
  await using home = await ctrHome();
  if (Deno.uid() === 0) home.within = WITHOUT_LOW_PORTS;
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port: first } = taken.addr;
  const [network] = JSON.parse(await out(home, "network", "inspect", "default"));
  const { ipv4Subnet, ipv6Subnet } = network.configuration;
  const ip = ipv4Subnet.replace(/\.0\/.*/, ".50");
  const ip6 = ipv6Subnet.replace(/\/.*/, "50");
  const mac = "02:12:34:56:78:9a";
  const asked = ["--ip", ip, "--ip6", ip6, "--mac-address", mac];
  await Promise.all([
    out(
      home,
      ...["run", "-d", "--name", "echo", ...QUIET, "-P", "--expose", "80", "--expose", "90/udp"],
      ...["--proxy-protocol", DEBIAN, "perl", "-e", ECHO],
    ),
    out(
      home,
      ...["run", "-d", "--name", "client", ...QUIET, "--privileged", ...asked],
      ...["-p", `${first}-${first + 3}:80`, BUSYBOX, "sleep", "1000"],
    ),
  ]);
  const [, pid] = /pid": (\d+)/.exec(await out(home, "network", "inspect", "default"))!;
  const published = (await portsOf(home, "echo")).get("80/tcp")!;

  while ((await home.ctr(["port", "echo", "80"])).stderr !== ""); // it starts

  await t.step("--publish-all publishes what is exposed", async () => {
    assertEquals([...(await portsOf(home, "echo")).keys()], ["80/tcp", "90/udp"]);
  });
  await t.step("--proxy-protocol says who connects", async () => {
    assertMatch(
      await told(published, "hello\n"),
      new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 \\d+ ${published}\r\n$`),
    );
  });
  await t.step("--ip, --ip6 and --mac-address are had", async () => {
    const link = await inside(home, "client", "ip addr show eth0");
    for (const each of [`inet ${ip}/24`, `inet6 ${ip6}/64`, `ether ${mac}`]) {
      assertEquals(link.includes(each), true, `${each} in ${link}`);
    }
  });
  await t.step("of a range the first port that is free", async () => {
    const port = (await portsOf(home, "client")).get("80/tcp")!;
    assertEquals(port > first && port <= first + 3, true, `${port} of ${first}`);
  });
  await t.step("a guest that asks by DHCP is told what is its own", async () => {
    await inside(
      home,
      "client",
      `printf '${BOUND.replaceAll("\n", "\\n")}' > /bound; chmod +x /bound`,
    );
    const ask = "ip -4 addr flush dev eth0; udhcpc -f -n -q -t 5 -T 1 -i eth0 -s /bound";
    const gateway = ip.replace(/50$/, "1");
    const lines = await inside(home, "client", `${ask}; ping -c 1 -W 5 ${gateway}`);
    assertMatch(lines, new RegExp(`^told ${ip} 255.255.255.0 ${gateway} ${gateway} 65520$`, "m"));
    assertMatch(lines, /1 packets received/);
  });
  await t.step("a thousand connections leave no descriptor in netd", async () => {
    const descriptors = () => [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
    const before = descriptors();
    for (let batch = 0; batch < 20; batch++) {
      await Promise.all(Array.from({ length: 50 }, () => told(published, "x\n")));
    }
    for (const end = performance.now() + 5000; descriptors() > before + 2;) {
      assertEquals(performance.now() < end, true, `${descriptors()} after ${before}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  const low = Number(Deno.readTextFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start"));
  await t.step({
    name: "a port that needs rights says so",
    ignore: low <= 81,
    fn: async () => {
      const { status, stderr } = await home.ctr(["run", ...QUIET, "-p", "81:80", BUSYBOX, "true"]);
      assertEquals(status, 125);
      assertMatch(
        stderr,
        /^error: cannot publish port 81\/tcp at 127.0.0.1: ports below 1024 need rights that you do not have\nhint: /,
      );
    },
  });
  await t.step("a name goes with its container", async () => {
    using netd = await NetdWatch.connect(`${home.path}/networks/default/netd.sock`);
    assertEquals(await netd.knows("echo"), true);
    const monitors = await home.monitors();
    const stopping = home.ctr(["stop", "-t", "0", "echo"]);
    const alive = () => monitors.every((each) => exists(`/proc/${each}`));
    let ended: number | undefined;
    while (await netd.knows("echo")) {
      if (!alive()) ended ??= performance.now();
    }
    const lateMs = ended === undefined ? 0 : performance.now() - ended;
    assertEquals(lateMs < 50, true, `${lateMs} ms`);
    await stopping;
  });
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
