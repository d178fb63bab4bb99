import { assertEquals } from "../cli/assert.ts";
import { BUSYBOX, ctrHome, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];

vmTest("flags of security, as a container's processes see them", async (t) => {
  await using home = await ctrHome();
  const profile = `${home.path}/profile.json`;
  await Deno.writeTextFile(
    profile,
    JSON.stringify({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [
        { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 13 },
        {
          names: ["kill"],
          action: "SCMP_ACT_ERRNO",
          errnoRet: 22,
          args: [{ index: 1, value: 10, op: "SCMP_CMP_EQ" }],
        },
      ],
    }),
  );
  const run = async (flags: readonly string[], script: string) => {
    const { status, stdout, stderr } = await home.ctr([
      ...["run", "--rm", ...QUIET, ...flags, BUSYBOX, "sh", "-c", script],
    ]);
    assertEquals([status, stderr], [0, ""]);
    return stdout.trim().split("\n");
  };
  await t.step(
    "a seccomp profile, by name and by argument; groups; no new privileges",
    async () => {
      const flags = ["--security-opt", `seccomp=${profile}`, "--security-opt", "no-new-privileges"];
      const more = ["--group-add", "44", "--oom-score-adj", "300", "--domainname", "example.org"];
      const script = `mkdir /x 2>&1; kill -10 $$ 2>&1; kill -0 $$ && echo alive; id -G
      cat /proc/self/oom_score_adj /proc/sys/kernel/domainname
      grep NoNewPrivs /proc/self/status`;
      assertEquals(await run([...flags, ...more], script), [
        "mkdir: can't create directory '/x': Permission denied",
        "sh: can't kill pid 1: Invalid argument",
        "alive",
        "0 44",
        "300",
        "example.org",
        "NoNewPrivs:\t1",
      ]);
    },
  );
  await t.step("nothing filtered, nothing masked, a device, no limit of processes", async () => {
    const flags = [
      "--security-opt",
      "seccomp=unconfined",
      "--security-opt",
      "systempaths=unconfined",
    ];
    const more = ["--device", "/dev/vda:/dev/mine:r", "--pids-limit", "-1"];
    const script = `grep "Seccomp:" /proc/self/status; mount | grep -c " /proc/"
      dd if=/dev/mine of=/dev/null bs=512 count=1 2>/dev/null && echo read
      dd if=/dev/zero of=/dev/mine bs=512 count=1 2>/dev/null || echo not written
      cat /sys/fs/cgroup/pids.max`;
    assertEquals(await run([...flags, ...more], script), [
      "Seccomp:\t0",
      "0",
      "read",
      "not written",
      "max",
    ]);
  });
});
