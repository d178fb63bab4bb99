import { assert, assertEquals } from "./assert.ts";
import { BuildHome, result } from "./build_home.ts";
import { TestHome } from "./ctr.ts";
import { refusal } from "./fake_engine.ts";
import { assertGolden } from "./golden.ts";

Deno.test("ctr build sends what the flags say", async (t) => {
  await using home = await BuildHome.make();
  const { context } = home;
  await Deno.writeTextFile(`${context}/sub/My.Dockerfile`, "FROM a\n");
  await Deno.writeTextFile(`${context}/sub/My.Dockerfile.dockerignore`, "x\n");
  await t.step("the context as a folder, the Dockerfile as text", async () => {
    const request = await home.sent(["."]);
    const { dev, ino } = await Deno.stat(context);
    assertEquals(request.context, { kind: "folder", path: context, device: dev, inode: ino! });
    assertEquals(request.dockerfile, {
      kind: "text",
      name: "Dockerfile",
      text: "FROM scratch\n",
      path: "Dockerfile",
    });
    assertEquals([request.call, request.tags, request.platforms], ["build", [], []]);
  });
  await t.step("a Dockerfile elsewhere, with its own ignore file", async () => {
    const request = await home.sent(["-f", "sub/My.Dockerfile"]);
    assertEquals(request.dockerfile, {
      kind: "text",
      name: "sub/My.Dockerfile",
      text: "FROM a\n",
      ignore: "x\n",
      path: "sub/My.Dockerfile",
    });
  });
  await t.step("arguments, labels, platforms, names", async () => {
    const request = await home.sent(
      "-t a:1 -t b --build-arg x=1=2 --build-arg HERE --build-arg GONE -l k=v --target t --platform linux/amd64,linux/arm64 --annotation index:a=b --pull --no-cache --no-cache-filter s,t"
        .split(" "),
      { env: { HERE: "yes", SOURCE_DATE_EPOCH: "0" } },
    );
    assertEquals(request.buildArgs, { SOURCE_DATE_EPOCH: "0", x: "1=2", HERE: "yes" });
    assertEquals(request.tags, ["a:1", "b"]);
    assertEquals(request.labels, { k: "v" });
    assertEquals(request.platforms, ["linux/amd64", "linux/arm64"]);
    assertEquals(request.annotations, [{ level: "index", key: "a", value: "b" }]);
    assertEquals([request.target, request.pull, request.noCache], ["t", true, true]);
    assertEquals(request.noCacheFilter, ["s", "t"]);
  });
  await t.step("Apple's --arch and --os, every one with every other", async () => {
    const request = await home.sent(["--arch", "amd64,arm64", "--os", "linux"]);
    assertEquals(request.platforms, ["linux/amd64", "linux/arm64"]);
  });
  await t.step("outputs", async () => {
    const outputs = async (...values: string[]) =>
      (await home.sent(values.flatMap((value) => ["-o", value]))).outputs;
    assertEquals(await outputs("out"), [{ type: "local", dest: `${context}/out` }] as never);
    assertEquals(await outputs("-"), [{ type: "tar", dest: "-" }] as never);
    assertEquals(
      await outputs("type=oci,dest=a.tar,compression=zstd,name=x", "type=cacheonly"),
      [
        { type: "oci", dest: `${context}/a.tar`, names: ["x"], compression: "zstd" },
        { type: "cacheonly" },
      ] as never,
    );
    assertEquals(await outputs("type=docker"), [{ type: "image", format: "docker" }] as never);
    assertEquals(
      await outputs('type=registry,"name=x,y",rewrite-timestamp=true,annotation.a=b'),
      [{
        type: "image",
        push: true,
        store: false,
        names: ["x", "y"],
        rewriteTimestamp: true,
        annotations: { a: "b" },
      }] as never,
    );
    assertEquals((await home.sent(["--push"])).outputs, [{ type: "image", push: true }] as never);
  });
  await t.step("caches", async () => {
    const request = await home.sent(
      "--cache-from a/b --cache-from type=local,src=c --cache-to type=registry,ref=d,mode=max,ignore-error=true --cache-to inline"
        .split(" "),
    );
    assertEquals(request.cacheFrom, [
      { type: "registry", reference: "a/b" },
      { type: "local", path: `${context}/c` },
    ]);
    assertEquals(
      request.cacheTo,
      [
        { type: "registry", reference: "d", mode: "max", ignoreError: true },
        { type: "inline" },
      ] as never,
    );
  });
  await t.step("contexts", async () => {
    const request = await home.sent(
      "--build-context A=sub --build-context b=docker-image://c:1 --build-context d=oci-layout://e:2@sha256:00 --build-context f=https://x/y.git#z --build-context g=target:h"
        .split(" "),
    );
    const { dev, ino } = await Deno.stat(`${context}/sub`);
    assertEquals(request.contexts, {
      a: { kind: "folder", path: `${context}/sub`, device: dev, inode: ino! },
      b: { kind: "image", reference: "c:1" },
      d: { kind: "oci-layout", path: `${context}/e`, tag: "2", digest: "sha256:00" },
      f: { kind: "git", url: "https://x/y.git#z" },
      g: { kind: "target", stage: "h" },
    });
  });
  await t.step("secrets from files and variables, agents", async () => {
    await Deno.writeTextFile(`${context}/s`, "file");
    const request = await home.sent(
      "--secret id=a,src=s --secret id=b,env=VALUE --secret id=VALUE --secret id=s --ssh default --ssh x=/dev/null,/dev/null"
        .split(" ").slice(0, -2),
      { env: { VALUE: "variable", SSH_AUTH_SOCK: "/tmp/agent" } },
    );
    assertEquals(request.secrets.map(({ id, value }) => [id, atob(value)]), [
      ["a", "file"],
      ["b", "variable"],
      ["VALUE", "variable"],
      ["s", "file"],
    ]);
    assertEquals(request.ssh, [{ id: "default", socket: "/tmp/agent" }]);
  });
  await t.step("a key gets an agent of its own", async () => {
    const key = `${context}/key`;
    const made = await new Deno.Command("ssh-keygen", {
      args: ["-q", "-t", "ed25519", "-N", "", "-f", key],
    }).output();
    assertEquals(made.code, 0);
    const [agent] = (await home.sent(["--ssh", `deploy=${key}`])).ssh;
    assertEquals(agent!.id, "deploy");
    const left = await Deno.stat(agent!.socket).then(() => true, () => false);
    assertEquals(left, false, "the agent outlived the build");
  });
  await t.step("what steps that run get", async () => {
    const request = await home.sent(
      "--network host --allow security.insecure --add-host db:192.0.2.7 --dns 192.0.2.1 -c 3 -m 1g --shm-size 32m --ulimit nofile=10"
        .split(" "),
    );
    assertEquals(request.network, "host");
    assertEquals(request.allow, ["security.insecure", "network.host"]);
    assertEquals(request.addHosts, [{ address: "192.0.2.7", names: ["db"] }]);
    assertEquals(request.dns, { nameservers: ["192.0.2.1"], search: [], options: [] });
    assertEquals([request.cpus, request.memoryBytes, request.shmBytes], [3, 2 ** 30, 2 ** 25]);
    assertEquals(request.ulimits, [{ type: "nofile", soft: 10, hard: 10 }]);
  });
  await t.step("flags of Docker that ask for what is so", async () => {
    await home.sent(
      "--rm --force-rm --load --provenance=false --sbom=false --builder default".split(" "),
    );
  });
  await t.step("the same words elsewhere", async () => {
    for (const words of [["image", "build"], ["builder", "build"], ["buildx", "build"]]) {
      const { status } = await home.home.ctr([...words, "-t", "a", context]);
      assertEquals([status, home.requests.at(-1)!.tags], [0, ["a"]]);
    }
  });
});

Deno.test("ctr build takes its context from elsewhere", async (t) => {
  await using home = await BuildHome.make();
  await t.step("a Dockerfile at standard input, without files", async () => {
    const request = await home.sent(["-"], { stdin: "FROM a\n" });
    assertEquals(request.context, { kind: "none" });
    assertEquals(request.dockerfile, { kind: "text", name: "stdin", text: "FROM a\n" });
  });
  await t.step("a Dockerfile at standard input, with a folder", async () => {
    const request = await home.sent(["-f", "-", "."], { stdin: "FROM a\n" });
    assertEquals(request.context.kind, "folder");
    assertEquals(request.dockerfile, { kind: "text", name: "stdin", text: "FROM a\n" });
  });
  for (const compress of [[], ["-z"]]) {
    await t.step(`an archive at standard input ${compress}`, async () => {
      const { stdout: tar } = await new Deno.Command("tar", {
        args: ["-c", ...compress, "-C", home.context, "."],
      }).output();
      const request = await home.sent(["-f", "x/D", "-"], { stdin: tar });
      assertEquals(request.context, { kind: "upload" });
      assertEquals(request.dockerfile, { kind: "path", path: "x/D" });
      assertEquals(home.uploads.at(-1), tar);
    });
  }
  await t.step("Git and http addresses", async () => {
    for (
      const [text, kind] of [
        ["https://x.test/y.git", "git"],
        ["https://x.test/y.git#main:sub", "git"],
        ["git@x.test:y", "git"],
        ["ssh://git@x.test/y", "git"],
        ["http://x.test/y.tar.gz", "url"],
      ] as const
    ) {
      const { context, dockerfile } = await home.sent([text]);
      assertEquals([context, dockerfile] as unknown, [{ kind, url: text }, { kind: "path" }]);
    }
    const { context } = await home.sent(["github.com/a/b#main"]);
    assertEquals(context, { kind: "git", url: "https://github.com/a/b.git#main" });
  });
  await t.step("a folder that the engine sees otherwise is sent", async () => {
    let first = true;
    await using other = await TestHome.make();
    const seen: string[] = [];
    other.engine.on("POST /v1/build", async (request, response) => {
      let text = "";
      for await (const piece of request) text += new TextDecoder("latin1").decode(piece);
      if (first) {
        first = false;
        throw refusal("unsupported", "another folder is there");
      }
      seen.push(text);
      response.writeHead(200).end(`${JSON.stringify(result())}\n`);
    });
    const { status, stderr } = await other.ctr(["build", home.context]);
    assertEquals(status, 0, stderr);
    assertEquals(JSON.parse(seen[0]!.split("\n")[0]!).context, { kind: "upload" });
    assert(seen[0]!.includes("./Dockerfile"), "the files are there");
  });
});

const REFUSED: readonly string[] = [
  "nowhere",
  "Dockerfile",
  "empty",
  "-f nowhere",
  "-f D sub",
  "-f latin",
  "-f sub",
  "-t UPPER",
  "-t a@sha256:" + "0".repeat(64),
  "--build-arg =x",
  "--build-context x",
  "--build-context x=nowhere",
  "--platform linux",
  "-o type=local",
  "-o type=nothing",
  "-o dest=x",
  "-o type=tar,dest=x,colour=red",
  "-o - -o type=oci,dest=-",
  "--cache-from type=gha",
  "--cache-from type=local",
  "--cache-to type=registry,mode=all,ref=x",
  "--no-cache --cache-from x",
  "--secret src=x",
  "--secret id=x",
  "--secret id=x,env=NOT_SET",
  "--secret id=x,src=Dockerfile --secret id=x,src=Dockerfile",
  "--ssh default",
  "--ssh a=nowhere",
  "--ssh a=latin",
  "--network mine",
  "--allow everything",
  "--call what",
  "--check --call outline",
  "-q --progress plain",
  "--progress loud",
  "--squash",
  "--provenance true",
  "--isolation hyperv",
  "--annotation x",
  "--iidfile nowhere/x",
  "--metadata-file empty",
  "a b",
];

Deno.test("ctr build refuses what cannot be", async () => {
  await using home = await BuildHome.make();
  await Deno.writeFile(`${home.context}/latin`, new Uint8Array([0xff]));
  await Deno.writeTextFile(`${home.context}/sub/D`, "FROM a\n");
  await Deno.mkdir(`${home.context}/empty`);
  const refused = async (line: string) => {
    const told = (await home.refused(...line.split(" "))).replace(/ssh-add: .*/, "ssh-add: …");
    return `$ ctr build ${line}\n${told}`;
  };
  const lines: string[] = [];
  for (let at = 0; at < REFUSED.length; at += 4) {
    lines.push(...await Promise.all(REFUSED.slice(at, at + 4).map(refused)));
  }
  await assertGolden(lines.join("\n"), "build_refused.txt");
});
