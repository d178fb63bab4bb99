import { assert, assertEquals, assertMatch } from "../cli/assert.ts";
import type { Chapter } from "./row.ts";

/** Flags of a container: §1 "Resource" and "Management", §9. */
export const CONTAINER: Chapter = {
  title: "Containers: flags of `run` and `create`",
  rows: [
    {
      name: "-c, --cpus",
      what: "gives the container that many processors",
      check: async (t) => assertEquals(await t.run(["-c", "2"], "nproc"), "2\n"),
    },
    {
      name: "-m, --memory",
      what: "limits memory; suffixes K M G; nonsense is refused",
      check: async (t) => {
        const limit = await t.run(["-m", "256M"], "cat /sys/fs/cgroup/memory.max");
        assertEquals(limit, `${256 * 1048576}\n`);
        await t.fails(["run", "--rm", "-m", "much", t.image, "true"], 125);
        await t.fails(["run", "--rm", "-m", "1M", t.image, "true"], 125);
      },
    },
    {
      name: "--name",
      what: "names the container; a taken or impossible name is refused",
      check: async (t) => {
        const name = t.name("named");
        await t.ok(["create", "--name", name, t.image, "true"]);
        assertMatch(await t.fails(["create", "--name", name, t.image, "true"], 1), /taken/);
        await t.fails(["create", "--name", "-x/", t.image, "true"], 2);
      },
    },
    {
      name: "-d",
      what: "prints the ID and returns; logs has the output",
      check: async (t) => {
        const id = (await t.ok(["run", "-d", t.image, "echo", "later"])).trim();
        assertMatch(id, /^[0-9a-f]{64}$/);
        await t.ok(["wait", id]);
        assertEquals(await t.ok(["logs", id]), "later\n");
      },
    },
    {
      name: "--rm",
      what: "removes the container when it has ended",
      check: async (t) => {
        const name = t.name("gone");
        await t.run(["--name", name], "true");
        assert(!(await t.ok(["ls", "-a"])).includes(name), "it is still there");
      },
    },
    {
      name: "--cidfile",
      what: "holds the ID, without a newline; an existing file is refused",
      check: async (t) => {
        const file = `${t.home.path}/cid`;
        await t.run(["--cidfile", file], "true");
        assertMatch(await Deno.readTextFile(file), /^[0-9a-f]{64}$/);
        await t.fails(["run", "--rm", "--cidfile", file, t.image, "true"], 125);
      },
    },
    {
      name: "-l, --label",
      what: "is kept; a value may hold more `=`",
      apple: "refuses a value with `=`",
      check: async (t) => {
        const name = t.name();
        await t.ok(["create", "--name", name, "-l", "a=b=c", "-l", "bare", t.image, "true"]);
        const [container] = JSON.parse(await t.ok(["inspect", name]));
        assertEquals([container.configuration.labels.a, container.configuration.labels.bare], [
          "b=c",
          "",
        ]);
      },
    },
    {
      name: "--hostname",
      what: "is the name of the host inside; the default is the container's name",
      apple: "no",
      docker: "the default is the ID",
      check: async (t) => {
        assertEquals(
          await t.run(["--hostname", "box"], "hostname; cat /etc/hostname"),
          "box\nbox\n",
        );
        assertEquals(await t.run(["--name", "boxed"], "hostname"), "boxed\n");
      },
    },
    {
      name: "--add-host",
      what: "adds a line to /etc/hosts",
      apple: "no",
      check: async (t) =>
        assertMatch(
          await t.run(["--add-host", "db:10.1.2.3"], "cat /etc/hosts"),
          /^10\.1\.2\.3\s+db$/m,
        ),
    },
    {
      name: "--init",
      what: "runs a small init as PID 1 that forwards signals and reaps",
      check: async (t) => {
        const first = await t.run(["--init"], "cat /proc/1/comm");
        assert(first !== "sh\n", `PID 1 is ${first}`);
      },
    },
    {
      name: "--read-only",
      what: "makes the root file system read-only; a tmpfs stays writable",
      check: async (t) => {
        const text = await t.run(
          ["--read-only", "--tmpfs", "/scratch"],
          "touch /x 2>/dev/null && echo root; touch /scratch/x && echo scratch",
        );
        assertEquals(text, "scratch\n");
      },
    },
    {
      name: "--tmpfs",
      what: "mounts a tmpfs there",
      check: async (t) =>
        assertMatch(await t.run(["--tmpfs", "/t"], "grep ' /t ' /proc/mounts"), / \/t tmpfs /),
    },
    {
      name: "--shm-size",
      what: "sizes /dev/shm; 64 MiB otherwise",
      check: async (t) => {
        const size = "df -k /dev/shm | awk 'NR==2 {print $2}'";
        assertEquals(await t.run([], size), "65536\n");
        assertEquals(await t.run(["--shm-size", "8M"], size), "8192\n");
      },
    },
    {
      name: "--cap-add, --cap-drop",
      what: "change the capabilities; ALL is everything, an unknown one is refused",
      check: async (t) => {
        const caps = "grep CapBnd /proc/self/status | awk '{print $2}'";
        const usual = await t.run([], caps);
        assertEquals(usual, "00000000a80425fb\n");
        assertEquals(await t.run(["--cap-drop", "ALL"], caps), "0000000000000000\n");
        assertEquals(
          await t.run(["--cap-drop", "ALL", "--cap-add", "chown"], caps),
          "0000000000000001\n",
        );
        await t.fails(["run", "--rm", "--cap-add", "WINGS", t.image, "true"], 125);
      },
    },
    {
      name: "--masked-path, --read-only-path",
      what: "hide or protect a path; NONE clears what came before",
      docker: "no",
      check: async (t) => {
        assertEquals(await t.run(["--masked-path", "/etc/hostname"], "cat /etc/hostname"), "");
        const write = "echo x 2>/dev/null > /proc/sysrq-trigger && echo written || echo kept";
        assertEquals(await t.run([], write), "kept\n");
      },
    },
    {
      name: "masked and read-only paths",
      what: "/sys/firmware and its like are hidden, /proc/sys is read-only",
      check: async (t) => {
        const text = await t.run(
          [],
          "ls /sys/firmware | wc -l; echo 1 2>/dev/null > /proc/sys/kernel/panic || echo kept",
        );
        assertEquals(text, "0\nkept\n");
      },
    },
    {
      name: "--privileged",
      what: "all capabilities, nothing masked",
      apple: "no",
      check: async (t) => {
        const text = await t.run(
          ["--privileged"],
          "grep CapBnd /proc/self/status | awk '{print $2}'",
        );
        assertMatch(text, /^000001ffffffffff\n$/);
      },
    },
    {
      name: "--security-opt no-new-privileges",
      what: "keeps processes from gaining privileges",
      apple: "no",
      check: async (t) => {
        const flags = ["--security-opt", "no-new-privileges"];
        assertEquals(
          await t.run(flags, "grep NoNewPrivs /proc/self/status | awk '{print $2}'"),
          "1\n",
        );
      },
    },
    {
      name: "--security-opt seccomp=unconfined",
      what: "turns the filter of system calls off; it is on otherwise",
      apple: "no filter",
      check: async (t) => {
        const mode = "awk '/^Seccomp:/ {print $2}' /proc/self/status";
        assertEquals(await t.run([], mode), "2\n");
        assertEquals(await t.run(["--security-opt", "seccomp=unconfined"], mode), "0\n");
      },
    },
    {
      name: "--pids-limit",
      what: "limits the number of processes",
      apple: "no",
      check: async (t) =>
        assertEquals(await t.run(["--pids-limit", "64"], "cat /sys/fs/cgroup/pids.max"), "64\n"),
    },
    {
      name: "--sysctl",
      what: "sets a kernel parameter of the container's own kernel",
      apple: "no",
      docker: "only those of a namespace",
      check: async (t) =>
        assertEquals(
          await t.run(["--sysctl", "vm.swappiness=7"], "cat /proc/sys/vm/swappiness"),
          "7\n",
        ),
    },
    {
      name: "--oom-score-adj",
      what: "is the first process's",
      apple: "no",
      check: async (t) =>
        assertEquals(await t.run(["--oom-score-adj", "321"], "cat /proc/1/oom_score_adj"), "321\n"),
    },
    {
      name: "--stop-signal, --stop-timeout",
      what: "are what stop uses",
      apple: "no",
      check: async (t) => {
        const name = t.name("trap");
        const loop = "trap 'echo usr1; exit 3' USR1; echo up; while :; do sleep 0.1; done";
        await t.ok([
          "run",
          "-d",
          "--name",
          name,
          "--stop-signal",
          "USR1",
          t.image,
          "sh",
          "-c",
          loop,
        ]);
        for (let tries = 0; tries < 200; tries++) {
          if ((await t.ok(["logs", name])) === "up\n") break;
        }
        await t.ok(["stop", name]);
        assertEquals(await t.ok(["logs", name]), "up\nusr1\n");
        assertEquals(await t.ok(["wait", name]), "3\n");
      },
    },
    {
      name: "--network none",
      what: "gives it no network but the loopback",
      check: async (t) => {
        const text = await t.run(
          ["--network", "none"],
          "ls /sys/class/net | grep eth || echo none",
        );
        assertEquals(text, "none\n");
      },
    },
    {
      name: "--dns, --dns-search, --dns-option, --dns-domain",
      what: "write /etc/resolv.conf",
      check: async (t) => {
        const flags = [
          "--dns",
          "192.0.2.5",
          "--dns-search",
          "corp.test",
          "--dns-option",
          "ndots:2",
        ];
        const text = await t.run([...flags, "--dns-domain", "home.test"], "cat /etc/resolv.conf");
        assertMatch(text, /^nameserver 192\.0\.2\.5$/m);
        assertMatch(text, /^domain home\.test$/m);
        assertMatch(text, /^search corp\.test$/m);
        assertMatch(text, /^options ndots:2$/m);
      },
    },
    {
      name: "--no-dns",
      what: "leaves the image's resolv.conf alone; with other --dns flags it is refused",
      docker: "no",
      check: async (t) =>
        void await t.fails(["run", "--rm", "--no-dns", "--dns", "192.0.2.5", t.image, "true"], 125),
    },
    {
      name: "-k, --kernel",
      what: "boots another kernel; one that is not there is refused",
      docker: "no",
      check: async (t) =>
        void await t.fails(["run", "--rm", "--kernel", "/no/such/kernel", t.image, "true"], 125),
    },
    {
      name: "--kernel-arg",
      what: "is appended to the kernel's command line",
      docker: "no",
      check: async (t) =>
        assertMatch(await t.run(["--kernel-arg", "told=yes"], "cat /proc/cmdline"), /\btold=yes\b/),
    },
    {
      name: "always mounted",
      what: "/proc, /sys, /dev, /dev/pts, /dev/mqueue, /dev/shm, /sys/fs/cgroup",
      check: async (t) => {
        const mounts = await t.run([], "awk '{print $2}' /proc/mounts");
        for (
          const path of "/proc /sys /dev /dev/pts /dev/mqueue /dev/shm /sys/fs/cgroup".split(" ")
        ) {
          assert(mounts.split("\n").includes(path), `${path} is not mounted`);
        }
      },
    },
    {
      name: "environment added",
      what: "PATH and HOME when missing, TERM with a terminal",
      check: async (t) => {
        assertMatch(await t.run([], 'echo "$PATH:$HOME"'), /\/bin.*:\/root\n$/);
        assertEquals(await t.run(["-t"], 'echo "$TERM"'), "xterm\r\n");
      },
    },
    {
      name: "isolation",
      what: "each container has a kernel of its own",
      docker: "no: all share the host's",
      check: async (t) => {
        const id = "cat /proc/sys/kernel/random/boot_id";
        assert(await t.run([], id) !== await t.run([], id), "two containers had one kernel");
      },
    },
  ],
};
