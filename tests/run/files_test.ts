import { assert, assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome, ctrHome, vmTest } from "./ctr_home.ts";

/** A folder of the host with a tree that has something of everything. */
class Host implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async make(): Promise<Host> {
    const host = new Host(await Deno.makeTempDir({ prefix: "ctr-files-" }));
    await host.sh(`mkdir -p tree/sub/empty "tree/ünï code" into
      echo one > tree/one; ln tree/one tree/sub/twin; ln -s ../one tree/sub/link
      head -c 3000000 /dev/urandom > "tree/ünï code/large"; : > tree/none
      for i in $(seq 300); do echo $i > tree/sub/f$i; done
      chmod 640 tree/one; chmod 4755 tree/none; chmod 1777 tree/sub/empty
      touch -d '2020-01-02 03:04:05' tree/one tree/sub/empty tree/sub`);
    return host;
  }

  async sh(script: string, stdin?: string): Promise<string> {
    const child = new Deno.Command("sh", {
      args: ["-ec", script],
      cwd: this.path,
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { code, stdout, stderr } = await child.output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim();
  }

  /** What GNU tar lists of a tree: mode, owner, size, time, name. */
  list(path: string, owner = "0/0"): Promise<string> {
    const strip = `sed -E 's#^([dl-])([^ ]*) +[0-9]+/[0-9]+#\\1\\2 ${owner}#'`;
    return this.sh(`cd ${path} && tar --numeric-owner --sort=name -cf - . | tar -tvf - | ${strip}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Runs ctr and wants nothing but its output. */
async function ctr(home: CtrHome, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await home.ctr(args);
  assertEquals([status, stderr], [0, ""], args.join(" "));
  return stdout.trim();
}

const box = (home: CtrHome, name: string, ...words: string[]) =>
  ctr(home, "run", "-d", "--name", name, "--progress", "none", BUSYBOX, ...words);

vmTest(
  "ctr cp copies a tree both ways, of containers that run, have ended, or never ran",
  async (t) => {
    await using home = await ctrHome();
    await using host = await Host.make();
    await box(home, "box", "sleep", "10000");
    await ctr(home, "create", "--name", "fresh", BUSYBOX, "cat", "/tmp/tree/one");
    const before = (await host.list("tree")).replace("-rwsr-xr-x", "-rwxr-xr-x"); // not the caller's setuid
    for (
      const [name, state] of [["box", "runs"], ["fresh", "never ran"], [
        "box",
        "has ended",
      ]] as const
    ) {
      await t.step(`one that ${state}`, async () => {
        if (state === "has ended") await ctr(home, "stop", "-t", "0", "box");
        const into = `/tmp/${state === "runs" ? "first" : "tree"}`;
        assertEquals(
          await ctr(home, "cp", `${host.path}/tree`, `${name}:${into}`),
          `${name}:${into}`,
        );
        const back = `${host.path}/back`;
        assertEquals(await ctr(home, "cp", `${name}:${into}`, back), back);
        assertEquals(await host.list("back"), before);
        await host.sh("diff -r --no-dereference tree back; rm -r back");
      });
    }
    await t.step("what a container got before its first start is there then", async () => {
      assertEquals(await ctr(home, "start", "-a", "fresh"), "one");
    });
    await t.step("several at once share one helper and leave none", async () => {
      await Promise.all(
        Array.from(
          { length: 4 },
          (_, at) => ctr(home, "cp", "-q", `${host.path}/tree/one`, `box:/tmp/at-once-${at}`),
        ),
      );
      const { stdout } = await home.ctr(["start", "-a", "fresh"]); // waits for nothing of the other's
      assertEquals(stdout, "one\n");
      await ctr(home, "start", "box"); // waits for its helper's end
      const list = await ctr(
        home,
        "exec",
        "box",
        "sh",
        "-c",
        "ls -ln /tmp/tree/one /tmp/at-once-*",
      );
      assertEquals(list.match(/ 0 +0 +4 /g)?.length, 5, "root's, whoever had them");
      assertEquals((await home.monitors()).length, 1);
    });
  },
);

vmTest("ctr cp takes paths, links, owners and streams as docker cp does", async () => {
  await using home = await ctrHome();
  await using host = await Host.make();
  await box(home, "box", "sleep", "10000");
  const fails = async (source: string, destination: string, message: RegExp, status = 2) => {
    const result = await home.ctr(["cp", source, destination]);
    assertEquals([result.status, result.stdout], [status, ""], `${source} ${destination}`);
    assertMatch(result.stderr, message);
    assertEquals(result.stderr.split("\n").filter((line) => /^error:/.test(line)).length, 1);
  };
  const one = `${host.path}/tree/one`;
  const inside = (line: string) => ctr(home, "exec", "box", "sh", "-c", line);
  // Files.
  assertEquals(await ctr(home, "cp", one, "box:/new/folders/name"), "box:/new/folders/name");
  assertEquals(await ctr(home, "cp", one, "box:/tmp/"), "box:/tmp/one");
  assertEquals(await ctr(home, "cp", one, "box:/tmp"), "box:/tmp");
  await inside(
    "cat /new/folders/name /tmp/one; ln -s /tmp/one /link; ln -s /gone /broken; mkfifo /pipe",
  );
  await fails(one, "box:/missing/", /there is no such folder/);
  await fails(`${one}/`, "box:/tmp", /no folder/);
  await fails(`${host.path}/tree`, "box:/tmp/one", /it is a file/);
  await fails(one, "box:tmp", /must begin with/);
  await fails("box:/tmp/one", "box:/x", /two containers/);
  await fails(one, `${host.path}/x`, /neither the source nor the destination/);
  await fails(`${host.path}/gone`, "box:/tmp", /no such file/, 1);
  await fails("box:/gone", host.path, /no such path/, 1);
  await fails(one, "nobody:/tmp", /no such container/, 1);
  await fails("box:/tmp/one", "/dev/null", /neither a folder nor a file/);
  await fails("box:/pipe", host.path, /neither file nor folder/);
  await fails("box:/tmp", one, /it is a file/);
  // Links: themselves, or what they lead to.
  await ctr(home, "cp", "-q", "box:/link", `${host.path}/into/link`);
  assertEquals(await Deno.readLink(`${host.path}/into/link`), "/tmp/one");
  assertEquals(
    await ctr(home, "cp", "-L", "box:/link", `${host.path}/into/`),
    `${host.path}/into/link`,
  );
  assertEquals(await host.sh("cat into/link; test ! -L into/link"), "one");
  await ctr(home, "cp", `${host.path}/tree/none`, "box:/link");
  assertEquals(
    await inside("test -L /link; wc -c < /tmp/one"),
    "0",
    "through a link at the destination",
  );
  // Folders: into one that is there, or their content alone.
  await ctr(home, "cp", `${host.path}/tree/sub`, "box:/tmp");
  await ctr(home, "cp", `${host.path}/tree/sub/.`, "box:/content");
  assertEquals(
    await inside("ls /content/f1 /tmp/sub/f1; ls -d /content/sub 2> /dev/null; true"),
    "/content/f1\n/tmp/sub/f1",
  );
  // Owners and streams.
  await host.sh("chown 123:456 tree/one || true");
  await ctr(home, "cp", "-a", one, "box:/tmp/owned");
  if (Deno.uid() === 0) assertEquals(await inside("stat -c %u:%g /tmp/owned"), "123:456");
  const tar = await home.ctr(["cp", "box:/tmp/sub", "-"]);
  assertEquals(tar.status, 0);
  const archive = await new Deno.Command("tar", {
    args: ["-C", `${host.path}/tree`, "-cf", "-", "sub"],
  }).output();
  const sent = await home.ctr(["cp", "-", "box:/new"], { stdin: archive.stdout });
  assertEquals([sent.status, sent.stderr], [0, ""]);
  const lists = await inside(
    "cd /new/sub && ls -lnR > /tmp/a; cd /tmp/sub && ls -lnR > /tmp/b; cmp /tmp/a /tmp/b",
  );
  assertEquals(lists, "");
  const bad = await home.ctr(["cp", "-", "box:/new"], { stdin: "no archive at all ".repeat(100) });
  assert(bad.status !== 0 && /^error: .*\n/.test(bad.stderr), bad.stderr);
});

vmTest(
  "ctr diff, export and commit see what a container did, whether it runs or was killed",
  async (t) => {
    await using home = await ctrHome();
    await using host = await Host.make();
    const script =
      `mkdir /data; echo x > /data/x; ln /data/x /data/y; rm /etc/passwd; chmod 700 /home
    ln -s x /data/l; touch /data/synced; sync; echo ready; exec sleep 10000`;
    await box(home, "box", "sh", "-c", script);
    while (!/ready/.test((await home.ctr(["logs", "box"])).stdout)) await home.ctr(["logs", "box"]);
    const expected = [
      "A /data",
      "A /data/l",
      "A /data/synced",
      "A /data/x",
      "A /data/y",
      "C /etc",
      "D /etc/passwd",
      "C /home",
    ].join("\n");
    await t.step("while it runs", async () => {
      assertEquals(await ctr(home, "diff", "box"), expected);
      const inside = await ctr(home, "exec", "box", "sh", "-c", "find / -xdev ! -type d | sort");
      await ctr(home, "export", "-o", `${host.path}/box.tar`, "box");
      const exported = await host.sh(
        "tar -tf box.tar | grep -v '/$' | sed 's#^#/#' | LC_ALL=C sort",
      );
      assertEquals(exported, inside.split("\n").sort().join("\n"));
      const count = Number(await host.sh("tar -xf box.tar -O data/y data/l 2>&1 | wc -c"));
      assertEquals(count, 0, "a hard link and a link, not two more files");
    });
    await t.step("as an image that can be run at once", async () => {
      const changes = [
        "-c",
        'CMD ["cat", "/data/y"]',
        "-c",
        "ENV WHO=me",
        "-m",
        "hello",
        "-a",
        "me",
      ];
      assertMatch(await ctr(home, "commit", ...changes, "box", "made:1"), /^sha256:[0-9a-f]{64}$/);
      assertEquals(await ctr(home, "run", "--rm", "made:1"), "x");
      const look = "echo $WHO; ls /etc/passwd; stat -c %a /home; stat -c %h /data/x";
      const { stdout } = await home.ctr(["run", "--rm", "made:1", "sh", "-c", look]);
      assertEquals(stdout, "me\n700\n2\n");
      const again = await home.ctr(["commit", "-c", "FROM x", "box"]);
      assertEquals([again.status, again.stdout], [2, ""]);
      assertMatch(again.stderr, /^error: cannot apply "FROM x"/);
    });
    await t.step("after its VM was killed, with a journal to replay", async () => {
      for (const pid of await home.monitors()) Deno.kill(pid, "SIGKILL");
      await home.ctr(["wait", "box"]);
      assertEquals(await ctr(home, "diff", "box"), expected);
      assertEquals(await ctr(home, "cp", "box:/data/x", `${host.path}/x`), `${host.path}/x`);
      assertEquals(await host.sh("cat x"), "x");
    });
    await t.step("and say so where there is none", async () => {
      for (const words of [["diff", "none"], ["export", "none"], ["commit", "none"]]) {
        const { status, stderr } = await home.ctr(words);
        assertEquals(status, 1);
        assertMatch(stderr, /^error: cannot find "none": there is no such container/);
      }
    });
  },
);
