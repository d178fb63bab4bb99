import { assert, assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome, ctrHome, DEBIAN, testImage, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];

async function inside(home: CtrHome, script: string, flags: string[] = [], image = BUSYBOX) {
  const args = ["run", "--rm", ...QUIET, ...flags, image, "sh", "-c", script];
  const { status, stdout, stderr } = await home.ctr(args);
  assertEquals([status, stderr], [0, ""]);
  return stdout;
}

const STATUS = "grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'";

vmTest("the defaults are safe, seen from inside", async (t) => {
  await using home = await ctrHome();
  await t.step("capabilities, seccomp, masked paths, limits", async () => {
    const script = `${STATUS}; wc -c </proc/keys; ls /sys/firmware | wc -l; ` +
      "touch /proc/sys/vm/swappiness 2>/dev/null || echo read-only; mount -t tmpfs x /mnt " +
      "2>/dev/null || echo no mount; cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max";
    assertEquals(
      await inside(home, script, ["-m", "300m"]),
      [
        ...["CapEff:00000000a80425fb", "NoNewPrivs:1", "Seccomp:2", "0", "0", "read-only"],
        ...["no mount", "314572800", "32768", ""],
      ].join("\n"),
    );
  });
  await t.step("an image with setuid files may use them", async () => {
    assertMatch(await inside(home, STATUS, [], DEBIAN), /NoNewPrivs:0\nSeccomp:2/);
  });
  await t.step("--privileged", async () => {
    assertMatch(await inside(home, STATUS, ["--privileged"]), /fffff\nNoNewPrivs:0\nSeccomp:0/);
  });
  await t.step("exec has what its container has", async () => {
    const { stdout } = await home.ctr(["run", "-d", ...QUIET, BUSYBOX, "sleep", "1000"]);
    const id = stdout.trim();
    const { stdout: status } = await home.ctr(["exec", id, "sh", "-c", STATUS]);
    assertEquals(status, "CapEff:00000000a80425fb\nNoNewPrivs:1\nSeccomp:2\n");
    assertEquals((await home.ctr(["rm", "-f", id])).status, 0);
  });
});

vmTest("a guest reaches the host's servers, or with --network none nobody", async () => {
  await using home = await ctrHome();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("from the host\n"),
  );
  const fetch = `wget -qO- http://host.ctr.internal:${server.addr.port}/`;
  const resolver = "cat /etc/resolv.conf";
  assertMatch(
    await inside(home, `${resolver}; ${fetch}`),
    /^nameserver 127.0.0.11\n(search .*\n)?from the host\n$/,
  );
  const own = ["--dns", "192.0.2.1", "--dns-search", "example.org", "--add-host", "db:192.0.2.2"];
  assertMatch(
    await inside(home, `${resolver}; grep db /etc/hosts`, own),
    /^search example.org\nnameserver 192.0.2.1\n192.0.2.2\s+db\n|^nameserver 192.0.2.1\nsearch example.org\n192.0.2.2\s+db\n/,
  );
  const none = `ip -o link | grep -vc ': dummy'; ${fetch} 2>/dev/null || echo nobody`;
  assertEquals(await inside(home, none, ["--network", "none"]), "1\nnobody\n");
});

vmTest("images of every kind run", async (t) => {
  await using home = await ctrHome();
  for (
    const [image, flags, script, expected] of [
      ["busybox:latest", ["--platform", "linux/arm64"], "uname -m", "aarch64\n"],
      ["busybox:layers", [], "ls -d /3 /12 /last", "/12\n/3\n/last\n"],
      ["busybox:zstd", [], "echo zstd", "zstd\n"],
      ["busybox:user", [], "id -un", "app\n"],
      ["busybox:user", ["-u", "root"], "id -un", "root\n"],
      ["busybox:latest", ["--init"], "test $$ -ne 1 && echo not first", "not first\n"],
      ["busybox:latest", ["--sysctl", "net.core.somaxconn=77"], "sysctl net.core.somaxconn", /77/],
    ] as const
  ) {
    await t.step(`${image} ${flags.join(" ")}`, async () => {
      const output = await inside(home, script, [...flags], testImage(image));
      if (typeof expected === "string") assertEquals(output, expected);
      else assertMatch(output, expected);
    });
  }
});

vmTest("a guest that runs out of memory says who was killed, and what helps", async () => {
  await using home = await ctrHome();
  const args = ["run", "--rm", "-m", "200m", ...QUIET, BUSYBOX, "tail", "/dev/zero"];
  assertEquals(await home.ctr(args), {
    status: 137,
    stdout: "",
    stderr: "note: the guest's kernel killed tail: all 200 MiB of memory were in use; " +
      "give it more with --memory\n",
  });
});

vmTest("that guests are emulated is said once", async () => {
  await using home = await ctrHome();
  const doctor = (await home.ctr(["doctor"])).stdout;
  const notes = async () => {
    const { stderr } = await home.ctr(["run", "--rm", ...QUIET, BUSYBOX, "true"], {
      allNotes: true,
    });
    return stderr.split("\n").length - 1;
  };
  const expected = /^warning +accelerator +tcg: /m.test(doctor) ? 1 : 0;
  assertEquals([await notes(), await notes()], [expected, 0]);
  assert(doctor.includes("accelerator"));
});
