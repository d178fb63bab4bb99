import { assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, ctrHome } from "../run/ctr_home.ts";
import { inside, out, QUIET, runs } from "./containers.ts";
import { NetworkNamespace } from "./namespaces.ts";

const WEB =
  "mkdir /www; echo hello > /www/index.html; httpd -p 80 -h /www; httpd -p 127.0.0.1:81 -h /www; " +
  "sleep 1000";
const NOBODY = /^nobody$/m;

/** Why there is none here; undefined where there can be. */
function missing(): string | undefined {
  if (Deno.uid() !== 0) return "it needs root";
  for (const path of ["/dev/net/tun", "/usr/sbin/nft"]) {
    if (!exists(path)) return `this host has no ${path}`;
  }
  return BUSYBOX === "" ? "there is no registry" : undefined;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

const obstacle = missing();
const skipped = obstacle === undefined ? "" : ` (skipped: ${obstacle})`;

async function until(what: () => Promise<boolean>, withinMs = 5000): Promise<void> {
  for (const end = performance.now() + withinMs; !await what();) {
    if (performance.now() > end) throw new Error("it does not come about");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test({
  name: `a network that is a bridge of the kernel's${skipped}`,
  ignore: obstacle !== undefined,
  fn: async (t) => {
    await using host = await NetworkNamespace.make();
    await using far = await NetworkNamespace.make();
    await host.connect(far);
    await host.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward");
    await Promise.all([
      far.serve("192.0.2.2", 80),
      far.serve("192.0.2.2", 81),
      host.serve("127.0.0.1", 8000),
    ]);
    await using home = await ctrHome();
    await out(home, "image", "pull", ...QUIET, BUSYBOX);
    await out(home, "system", "stop");
    home.within = host.within;
    const links = async () => (await host.run("ip", "-br", "link")).match(/^ct[rpd]\w{12}/gm) ?? [];
    const far80 = "timeout 3 wget -qO- http://192.0.2.2/ || echo nobody";

    await out(home, "network", "create", "fast", "--driver", "bridge");
    await out(home, "network", "create", "other", "--driver", "bridge");
    await runs(
      home,
      "web",
      ["--network", "fast", "-p", "8080:80", "-p", "8081:81"],
      "sh",
      "-c",
      WEB,
    );
    await Promise.all([
      runs(home, "client", ["--network", "fast", "--privileged"], "sleep", "1000"),
      runs(
        home,
        "ruled",
        ["--network", "fast", "--privileged", "--no-host-access", "--allow-host", "192.0.2.2:80"],
        "sleep",
        "1000",
      ),
      runs(home, "stranger", ["--network", "other"], "sleep", "1000"),
    ]);
    const client = (line: string) => inside(home, "client", line);
    const web = JSON.parse(await out(home, "inspect", "web"))[0].status.networks[0];
    const address = web.ipv4Address.replace(/\/.*/, "");
    const dropped = async () =>
      Number(
        await out(home, "network", "inspect", "fast", "--format", "{{.status.dropped.spoofed}}"),
      );

    await t.step(
      "carries names, frames and what leaves, which the host's address stands for",
      async () => {
        assertEquals(await client("wget -qO- http://web/"), "hello\n");
        assertMatch(await client("ip link show eth0"), /mtu 1500/);
        assertEquals(await client(far80), "you are 192.0.2.1\n");
        assertMatch(await client("ping -c 1 -W 5 192.0.2.2"), /1 packets received/);
        assertEquals((await links()).length, 8); // two bridges, netd's two, four guests
      },
    );
    await t.step("publishes ports, those of the loopback too", async () => {
      assertEquals(await host.fetch("http://127.0.0.1:8080/"), "hello");
      assertEquals(await host.fetch("http://[::1]:8081/"), "hello");
    });
    await t.step("leads to the host's loopback by name, unless it is off", async () => {
      const url = "timeout 3 wget -qO- http://host.docker.internal:8000/ || echo nobody";
      assertEquals(await client(url), "you are 127.0.0.1\n");
      const last = address.replace(/\d+$/, "254");
      const kept =
        `${url}; timeout 3 wget -qO- http://${last}:8000/ || echo nobody; timeout 2 wget -qO- http://192.0.2.1:8000/ || echo nobody`;
      assertEquals(/you are/.test(await inside(home, "ruled", kept)), false);
    });
    await t.step("keeps rules of egress, also from who knows another way out", async () => {
      const ruled = (line: string) => inside(home, "ruled", line);
      assertEquals(await ruled(far80), "you are 192.0.2.1\n");
      assertMatch(await ruled("timeout 3 wget -qO- http://192.0.2.2:81/ || echo nobody"), NOBODY);
      const gateway = address.replace(/\d+$/, "1");
      const around =
        `ip route add 192.0.2.0/24 via ${gateway}; timeout 2 wget -qO- http://192.0.2.2:81/ || echo nobody`;
      assertMatch(await ruled(around), NOBODY);
    });
    await t.step("is reached by no other network, and not from outside", async () => {
      await far.run("ip", "route", "add", `${address}/32`, "via", "192.0.2.1");
      const knock = `timeout 1 bash -c 'echo > /dev/tcp/${address}/80' && echo open || echo closed`;
      assertEquals(await far.run("bash", "-c", `(${knock}) 2> /dev/null`), "closed\n");
      assertEquals(await host.run("bash", "-c", knock), "open\n");
      const scan =
        `ping -c 1 -W 1 ${address}; timeout 2 wget -qO- http://${address}/ || echo nobody`;
      const user = home.ctr(["run", "--rm", ...QUIET, BUSYBOX, "sh", "-c", `(${scan}) 2>&1`]);
      for (const found of [await inside(home, "stranger", scan), (await user).stdout]) {
        assertMatch(found, NOBODY);
        assertEquals(/hello|1 packets received/.test(found), false, found);
      }
    });
    await t.step(
      "drops what a guest sends as somebody else, also after the firewall was loaded anew",
      async () => {
        const before = await dropped();
        const forged = address.replace(/\d+$/, "77");
        const line = `ip addr add ${forged}/24 dev eth0; ping -c 1 -W 1 -I ${forged} ${address}`;
        assertMatch(await client(line), /0 packets received/);
        assertEquals(await dropped() > before, true);
        await host.run("nft", "flush", "ruleset");
        await until(async () => /spoofed_/.test(await host.run("nft", "list", "ruleset")));
        assertMatch(await client(line), /0 packets received/);
        assertEquals(await client(far80), "you are 192.0.2.1\n");
      },
    );
    await t.step("outlives its process and the engine", async () => {
      const pid = Number(
        await out(home, "network", "inspect", "fast", "--format", "{{.status.pid}}"),
      );
      Deno.kill(pid, "SIGKILL");
      await until(async () =>
        /^hello$/m.test(await client("timeout 1 wget -qO- http://web/ || echo nobody"))
      );
      Deno.kill(await home.enginePid(), "SIGKILL");
      assertEquals(await host.fetch("http://127.0.0.1:8080/"), "hello");
      assertEquals(await client("wget -qO- http://web/"), "hello\n");
    });
    await t.step("leaves nothing of a crash that the next engine does not find", async () => {
      const pids = [await home.enginePid(), ...await home.monitors()];
      for (const network of ["fast", "other", "default"]) {
        const pid = await out(home, "network", "inspect", network, "--format", "{{.status.pid}}");
        if (/^\d+$/.test(pid)) pids.push(Number(pid));
      }
      for (const pid of pids) Deno.kill(pid, "SIGKILL");
      await until(async () => (await links()).length === 2); // the taps are gone with their processes
      assertMatch(await host.run("nft", "list", "tables"), /bridge ctr/);
      await out(home, "network", "ls");
      await until(async () => (await links()).length === 0);
      assertEquals(await host.run("nft", "list", "tables"), "");
    });
    await t.step("and nothing of one that has ended", async () => {
      await runs(home, "again", ["--network", "fast"], "sleep", "1000");
      assertEquals((await links()).length, 3); // the bridge, netd's, the guest's
      await out(home, "rm", "-f", "again");
      await out(home, "network", "prune");
      await out(home, "system", "stop", "-t", "0");
      assertEquals(await links(), []);
      assertEquals(await host.run("nft", "list", "tables"), "");
    });
  },
});
