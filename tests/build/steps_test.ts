import assert from "node:assert/strict";
import { createServer } from "node:net";
import { join } from "node:path";
import { findEmulators } from "../../src/build/run/emulators.ts";
import type { LayerDisk } from "../../src/build/run/types.ts";
import { hostArchitecture } from "../../src/host/mod.ts";
import { cache, namesIn, REGISTRY, StepHome } from "./support/steps.ts";

const TOKEN = "s3cr3t-of-nobody-else";

Deno.test({ name: "steps in a VM", ignore: REGISTRY === "" }, async (t) => {
  await using home = await StepHome.open(await Deno.makeTempDir({ prefix: "ctr-steps-" }));
  const base = await home.image("busybox:latest");
  const session = home.session();

  await t.step("each sees what those before it left, at once and from their layers", async () => {
    const first = await home.run(session, base, "mkdir /a && echo 1 > /a/one && rm /bin/vi");
    assert.equal(first.stderr, "");
    const second = await home.run(
      session,
      [...base, first.outcome!],
      "cat /a/one; ls /bin/vi; rm -r /a; mkdir /a; echo 2 > /a/two; ln /a/two /a/three",
    );
    assert.equal(second.stdout, "1\n");
    assert.match(second.stderr, /\/bin\/vi: No such file/);
    const layers = [await first.outcome!.layer, await second.outcome!.layer];
    assert.deepEqual(await namesIn(layers[0]!.blob.path), ["a/", "a/one", "bin/", "bin/.wh.vi"]);
    assert.deepEqual(await namesIn(layers[1]!.blob.path), ["a/", "a/.wh.one", "a/three", "a/two"]);
    const look = "ls /a /bin/vi; stat -c %h /a/two";
    const live = await home.run(session, [...base, first.outcome!, second.outcome!], look);
    const packed = await home.run(session, [...base, layers[0]!, layers[1]!], look);
    assert.equal(packed.stdout, "/a:\nthree\ntwo\n2\n");
    assert.deepEqual([live.stdout, live.stderr], [packed.stdout, packed.stderr]);
  });

  await t.step("one that changes nothing has no layer, whatever was mounted for it", async () => {
    const { outcome } = await home.run(session, base, "test -s /run/deep/secret && touch /tmp", {
      mounts: [
        cache("nothing", { target: "/var/cache/x/y" }),
        {
          kind: "secret",
          target: "/run/deep/secret",
          content: bytes("x"),
          mode: 0,
          uid: 0,
          gid: 0,
        },
        { kind: "tmpfs", target: "/scratch", sizeBytes: 0 },
      ],
    });
    assert.equal(await outcome!.layer, undefined);
    const next = await home.run(
      session,
      [...base, outcome!],
      "ls -d /run/deep /var/cache /scratch",
    );
    assert.equal(next.stdout, "");
  });

  await t.step("it is run as it says", async () => {
    const as = { user: "1000:1000", cwd: "/tmp", env: ["A=b c"], hostname: "named" };
    const ran = await home.run(
      session,
      base,
      "id -u; pwd; echo $A $PATH; hostname; echo e >&2; exit 3",
      as,
    );
    assert.equal(ran.exitStatus, 3);
    assert.equal(ran.outcome, undefined);
    assert.match(ran.stdout, /^1000\n\/tmp\nb c \/usr\/local\/sbin:.*\nnamed\n$/);
    assert.equal(ran.stderr, "e\n");
    await assert.rejects(home.run(session, base, "", { args: ["nowhere"] }), {
      code: "command-not-found",
    });
    const after = await home.run(session, base, "echo fine"); // a start that failed leaves the VM whole
    assert.equal(after.stdout, "fine\n");
  });

  await t.step("without a network it has a loopback alone", async () => {
    const look = "ip -o addr | grep -c inet; ip route | wc -l; wc -c < /etc/resolv.conf; " +
      "ls /sys/class/net";
    const none = await home.run(session, base, look, { network: "none" });
    assert.equal(none.stdout, "2\n0\n0\nlo\n");
    const usual = await home.run(session, base, "ip route | grep -c default; cat /etc/hosts", {
      addHosts: [{ address: "host-gateway", names: ["gate"] }, {
        address: "10.1.1.1",
        names: ["own"],
      }],
    });
    assert.match(usual.stdout, /^1\n[^]*10\.1\.1\.1 own/);
    assert.match(usual.stdout, /^\S+\.254 gate$/m);
  });

  await t.step("a secret is in memory alone", async () => {
    const secret = {
      kind: "secret",
      target: "/run/secrets/token",
      content: bytes(`${TOKEN}\n`),
      mode: 0o440,
      uid: 5,
      gid: 6,
    } as const;
    const line = "cat /run/secrets/token; stat -c '%a %u %g' /run/secrets/token; " +
      "echo y > /run/secrets/token; echo made-by-it > /made; sync";
    const ran = await home.run(session, base, line, { mounts: [secret] });
    assert.equal(ran.stdout, `${TOKEN}\n440 5 6\n`);
    assert.match(ran.stderr, /Read-only file system/);
    await ran.outcome!.layer;
    assert.deepEqual(await holders(home.path, TOKEN), []);
    assert.notDeepEqual(
      await holders(home.path, "made-by-it"),
      [],
      "the search finds what is there",
    );
  });

  await t.step("binds show other roots, and what is written to them is lost", async () => {
    const from = await home.run(
      session,
      base,
      "mkdir /out && echo built > /out/file && ln -s out /way",
    );
    const tree = [...base, from.outcome!];
    const bind = (target: string, path: string, readonly: boolean) =>
      ({ kind: "bind", target, from: { lowers: tree, path }, readonly }) as const;
    const ran = await home.run(
      session,
      base,
      "cat /m/file /f; echo x > /m/no; echo more > /w/file; cat /w/file",
      {
        mounts: [bind("/m", "/way", true), bind("/f", "/out/file", true), bind("/w", "out", false)],
      },
    );
    assert.equal(ran.stdout, "built\nbuilt\nmore\n");
    assert.match(ran.stderr, /\/m\/no: Read-only file system/);
    assert.equal(await ran.outcome!.layer, undefined);
    const again = await home.run(session, tree, "cat /out/file");
    assert.equal(again.stdout, "built\n");
    await assert.rejects(
      home.run(session, base, "true", { mounts: [bind("/m", "/nowhere", true)] }),
      { code: "not-found" },
    );
  });

  await t.step("the caller's agent is reached", async () => {
    const socket = join(home.path, "agent.sock");
    const agent = createServer((connection) => connection.end("identities\n")).listen(socket);
    const program = await socketProgram(home.path);
    const line = "echo | /bind/socket send $SSH_AUTH_SOCK; stat -c '%a %u' /run/agent/0";
    const ran = await home.run(session, base, line, {
      mounts: [
        { kind: "ssh", target: "/run/agent/0", socket, mode: 0o600, uid: 9, gid: 0 },
        { kind: "bind", target: "/bind", from: { lowers: [program] }, readonly: true },
      ],
    });
    agent.close();
    assert.equal(ran.stdout, "identities\n600 9\n", ran.stderr);
    assert.equal(await ran.outcome!.layer, undefined);
  });

  await t.step("a cancelled one ends with all its processes", async () => {
    const cancel = new AbortController();
    const reason = new Error("enough");
    let begun = false;
    const beats = cache("beats", { sharing: "locked" });
    const running = session.run({
      id: "forever",
      lowers: base,
      args: ["/bin/sh", "-c", "while :; do echo >> /cache/beats; done & sleep 1; echo begun; wait"],
      env: [],
      cwd: "/",
      user: "",
      mounts: [beats],
      network: "default",
      security: "sandbox",
      addHosts: [],
      hostname: "x",
      shmBytes: 0,
    }, {
      output: () => {
        begun = true;
        cancel.abort(reason);
      },
      signal: cancel.signal,
    });
    await assert.rejects(running, (error) => error === reason);
    assert(begun);
    const line = "wc -l < /cache/beats; sleep 0.3; wc -l < /cache/beats";
    const next = await home.run(session, base, line, { mounts: [beats] });
    const [first, second] = next.stdout.split("\n");
    assert(Number(first) > 0);
    assert.equal(first, second, "nobody writes any more");
  });

  await t.step("an insecure one may do what the VM may", async () => {
    const line = "mount -t tmpfs none /tmp && ls /dev/vda";
    const usual = await home.run(session, base, line);
    assert.notEqual(usual.exitStatus, 0);
    const insecure = await home.run(session, base, line, { security: "insecure" });
    assert.equal(insecure.stdout, "/dev/vda\n");
  });

  await t.step("caches stay, are filled once, and are locked", async () => {
    const second = home.session();
    const locked = cache("locked", { sharing: "locked", mode: 0o700, uid: 7 });
    const line =
      "stat -c '%a %u' /cache; test -e /cache/busy && echo overlap; touch /cache/busy; " +
      "sleep 0.3; rm /cache/busy; echo line >> /cache/log; wc -l < /cache/log";
    const both = await Promise.all(
      [session, second].map((session) => home.run(session, base, line, { mounts: [locked] })),
    );
    assert.deepEqual(both.map(({ stdout }) => stdout).sort(), ["700 7\n1\n", "700 7\n2\n"]);
    assert.equal(home.runner.status().length, 1, "builds at the same time share a VM");
    const filled = cache("filled", { from: { lowers: base, path: "/etc" } });
    const look = await home.run(second, base, "cat /cache/hello", { mounts: [filled] });
    assert.equal(look.stderr, "");
    await session[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
    await home.quiet();
    await using third = home.session();
    const after = await home.run(third, base, "cat /cache/log", { mounts: [locked] });
    assert.equal(after.stdout, "line\nline\n");
    const known = await home.runner.caches();
    assert.deepEqual(known.map(({ id }) => id).sort(), ["beats", "filled", "locked", "nothing"]);
    const gone = await home.runner.removeCaches([{ id: "locked", architecture: "amd64" }]);
    assert.deepEqual(gone.map(({ id, sizeBytes }) => [id, sizeBytes]), [["locked", 10]]);
    const anew = await home.run(third, base, "ls /cache", { mounts: [locked] });
    assert.equal(anew.stdout, "");
  });

  await home.quiet();
});

for (const emulation of ["system", "user"] as const) {
  const how = emulation === "user" ? "by emulators in a VM" : "in a VM of their own";
  // The disk of emulators is made by scripts/emulators.
  const disk = await findEmulators(hostArchitecture());
  const ignore = REGISTRY === "" || emulation === "user" && disk === undefined;
  Deno.test({ name: `steps of another architecture, ${how}`, ignore }, async () => {
    const path = await Deno.makeTempDir({ prefix: "ctr-steps-" });
    await using home = await StepHome.open(path, { emulation });
    const [own, other] = hostArchitecture() === "amd64"
      ? ["amd64", "arm64"] as const
      : ["arm64", "amd64"] as const;
    const base = await home.image("busybox:latest", other);
    await using session = home.session(other);
    const machine = other === "arm64" ? "aarch64" : "x86_64";
    const ran = await home.run(session, base, "uname -m; /bin/sh -c 'echo 1 > /one'");
    assert.equal(ran.stdout, `${machine}\n`);
    assert.equal((await ran.outcome!.layer)!.entries, 1);
    const [vm] = home.runner.status();
    assert.equal(vm!.architecture, emulation === "user" ? own : other);
  });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Files below a folder that hold some bytes. Most of a disk are holes, which are not read. */
async function holders(folder: string, text: string): Promise<string[]> {
  const script = `find "$1" -type f -size +0 -print0 | while IFS= read -r -d '' file; do
    tar -cSf - -P "$file" 2> /dev/null | grep -qaF -- "$2" && echo "$file"; done; true`;
  const { stdout } = await new Deno.Command("bash", { args: ["-c", script, "bash", folder, text] })
    .output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

/** A disk with a program that speaks to unix sockets. */
async function socketProgram(folder: string): Promise<LayerDisk> {
  const tree = await Deno.makeTempDir({ dir: folder });
  const source = new URL("../run/guest/socket.c", import.meta.url).pathname;
  const path = join(folder, "socket.ext4");
  for (
    const [program, ...args] of [
      ["gcc", "-static", "-O2", "-o", join(tree, "socket"), source],
      ["truncate", "-s", "8M", path],
      ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-O", "^has_journal", "-d", tree, path],
    ]
  ) {
    const { success, stderr } = await new Deno.Command(program!, { args }).output();
    assert(success, new TextDecoder().decode(stderr));
  }
  return { path, diffId: "sha256:socket" };
}
