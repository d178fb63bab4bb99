/** A machine whose image has systemd, and Docker in it. */
import { assertEquals } from "../cli/assert.ts";
import { BUSYBOX, ctrHome } from "../run/ctr_home.ts";
import { createFor, ok, QUIET } from "./machine_home.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const found = BUSYBOX === "" ? undefined : await new Deno.Command(`${ROOT}scripts/systemd-image`, {
  args: ["--find"],
  stderr: "null",
}).output();
const IMAGE = found?.success ? new TextDecoder().decode(found.stdout).trim() : "";

Deno.test({
  name: "systemd is PID 1 where the image has it, and its units work",
  ignore: IMAGE === "",
  fn: async (t) => {
    await using home = await ctrHome();
    await ok(home, "image", "load", "-i", IMAGE);
    await ok(home, "image", "pull", ...QUIET, BUSYBOX);
    const user = { name: "ada", uid: 4321, gid: 4321, home: "/home/ada", shell: "bash" };
    await createFor(home, { name: "sd", image: "systemd:latest", user, homeMount: "none" });
    const inside = (script: string) =>
      ok(home, "machine", "run", "--root", "--", "sh", "-c", script);

    await t.step("it reaches its target", async () => {
      const reached = await inside(
        "until systemctl is-system-running --wait 2>/dev/null | grep -E 'running|degraded'; do sleep 0.2; done",
      );
      assertEquals(reached, "running\n", await inside("systemctl --failed --no-legend --plain"));
      assertEquals((await inside("cat /proc/1/comm")).trim(), "systemd");
      const [machine] = JSON.parse(await ok(home, "machine", "inspect"));
      assertEquals(machine.init, "systemd");
    });
    await t.step("its user has sudo without a password", async () => {
      assertEquals(await ok(home, "machine", "run", "--", "sudo", "-n", "id", "-u"), "0\n");
    });
    await t.step("a unit that is enabled runs again after a restart", async () => {
      await inside(
        "printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' " +
          "> /etc/systemd/system/mine.service && systemctl enable --now mine.service 2>/dev/null",
      );
      await ok(home, "machine", "restart");
      const state = "until systemctl is-active -q mine.service; do sleep 0.2; done; echo active";
      assertEquals(await inside(state), "active\n");
    });
    await t.step(
      "Docker runs a container of a local image, with a network of its own",
      async () => {
        await ok(
          home,
          "image",
          "save",
          "--format",
          "docker",
          "-o",
          `${home.path}/busybox.tar`,
          BUSYBOX,
        );
        await ok(home, "machine", "cp", "-q", `${home.path}/busybox.tar`, "sd:/root/busybox.tar");
        const printed = await inside(
          "systemctl start docker 2>/dev/null && docker load -q -i /root/busybox.tar >/dev/null && " +
            `docker run --rm ${BUSYBOX} sh -c 'cat /proc/1/comm; ip -4 addr show eth0 | grep -o 172.17.0.[0-9]*/16' && ` +
            "docker info --format '{{.Driver}} {{.CgroupVersion}}' 2>/dev/null",
        );
        assertEquals(printed, "sh\n172.17.0.2/16\noverlay2 2\n");
      },
    );
    await ok(home, "machine", "stop");
  },
});
