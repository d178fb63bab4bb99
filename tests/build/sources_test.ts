/** Where files come from besides the context's folder. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { run } from "../image/support/tools.ts";
import { BuildHome, buildTest, folderOf } from "./support/build_home.ts";

buildTest("ADD takes files from the network", async (t) => {
  await using home = await BuildHome.open();
  await using context = await folderOf({ "Dockerfile": "" });
  const body = "from the network\n";
  let asked = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    asked++;
    if (pathname === "/gone") return new Response("no", { status: 404 });
    if (pathname === "/moved") return Response.redirect(new URL("/file.txt", request.url), 302);
    return new Response(body, { headers: { "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT" } });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const sum = createHash("sha256").update(body).digest("hex");
  const look = async (text: string) => {
    await context.write({ "Dockerfile": `FROM scratch\n${text}\n` });
    return (await home.buildAndLook("x", [context.path])).tree;
  };
  const line = (mode: string, owner = "0:0") => `file ${mode} ${owner} ${sum}`;
  await t.step("under the name of its address, for root alone", async () => {
    assert.equal((await look(`ADD ${url}/file.txt /in/`)).get("in/file.txt"), line("600"));
  });
  await t.step("with a name, mode, owner and checksum", async () => {
    const flags = `--chmod=644 --chown=1000:50 --checksum=sha256:${sum}`;
    assert.equal(
      (await look(`ADD ${flags} ${url}/file.txt /named`)).get("named"),
      line("644", "1000:50"),
    );
  });
  await t.step("through redirects", async () => {
    assert.equal((await look(`ADD ${url}/moved /file`)).get("file"), line("600"));
  });
  await t.step("another content than the checksum says is refused", async () => {
    await context.write({
      "Dockerfile": `FROM scratch\nADD --checksum=sha256:${"0".repeat(64)} ${url}/file.txt /x\n`,
    });
    const { status, stderr } = await home.build([context.path]);
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`^error: [^\\n]*${sum.slice(0, 12)}`, "m"));
    assert.match(stderr, /Dockerfile:2/);
  });
  await t.step("what is not there", async () => {
    await context.write({ "Dockerfile": `FROM scratch\nADD ${url}/gone /x\n` });
    const { status, stderr } = await home.build([context.path]);
    assert.equal(status, 1);
    assert.match(stderr, /^error: [^\n]*404/m);
  });
  assert.ok(asked > 0);
  await server.shutdown();
});

buildTest("named contexts, git, archives and standard input", async (t) => {
  await using home = await BuildHome.open();
  await using folder = await folderOf({
    "context/Dockerfile":
      "FROM busybox AS base\nFROM scratch\nCOPY --from=other b /b\nCOPY --from=base /etc/hello /hello\n",
    "other/b": "b",
    "repo/sub/Dockerfile": "FROM scratch\nCOPY a /a\n",
    "repo/sub/a": "from git",
    "repo/Dockerfile": "FROM scratch\nCOPY sub/a /whole\n",
  });
  const at = (name: string) => `${folder.path}/${name}`;
  const files = async (args: string[], stdin?: string | Uint8Array) => {
    const out = `${home.scratch}/${crypto.randomUUID()}`;
    await home.mustBuild([...args, "-o", out], stdin === undefined ? {} : { stdin });
    return await run(
      "sh",
      "-c",
      'cd "$1" && for f in $(find . -type f | sort); do echo "$f: $(cat $f)"; done',
      "sh",
      out,
    );
  };

  await t.step("a folder under a name", async () => {
    assert.equal(
      await files([at("context"), "--build-context", `other=${at("other")}`]),
      "./b: b\n./hello: hello from the second layer\n",
    );
  });
  await t.step("a base image that is replaced by another, and by a layout", async () => {
    await home.mustBuild(["-t", "mine", "-"], {
      stdin: "FROM busybox\nCOPY <<EOF /etc/hello\nmine\nEOF\n",
    });
    const other = ["--build-context", `other=${at("other")}`];
    const image = ["--build-context", "busybox=docker-image://mine"];
    assert.match(await files([at("context"), ...other, ...image]), /hello: mine/);
    const layout = `type=oci,tar=false,dest=${home.scratch}/layout`;
    await home.mustBuild(["-o", layout, "-"], { stdin: "FROM mine\n" });
    const named = ["--build-context", `busybox=oci-layout://${home.scratch}/layout`];
    assert.match(await files([at("context"), ...other, ...named]), /hello: mine/);
  });
  await t.step("a git repository, a branch and a folder of it", async () => {
    const git = (...args: string[]) =>
      run("git", "-C", at("repo"), "-c", "user.name=a", "-c", "user.email=a@example.com", ...args);
    await git("init", "-q", "-b", "main");
    await git("add", ".");
    await git("commit", "-qm", "one");
    await git("tag", "v1");
    await Deno.writeTextFile(at("repo/sub/a"), "later");
    await git("commit", "-qam", "two");
    await using daemon = await gitDaemon(folder.path);
    const url = `git://127.0.0.1:${daemon.port}/repo`;
    assert.equal(await files([url]), "./whole: later\n");
    assert.equal(await files([`${url}#v1:sub`]), "./a: from git\n");
    assert.equal(
      await files(["-"], `FROM scratch\nADD ${url}#v1:sub /g\n`),
      "./g/Dockerfile: FROM scratch COPY a /a\n./g/a: from git\n"
        .replace("FROM scratch COPY", "FROM scratch\nCOPY"),
    );
    const { status, stderr } = await home.build([`${url}#nothing`]);
    assert.equal(status, 1);
    assert.match(stderr, /^error: [^\n]*nothing/m);
  });
  await t.step("a tar on standard input, compressed or not, and a Dockerfile alone", async () => {
    for (const flag of ["-c", "-cz", "-cJ"]) {
      const archive = `${home.scratch}/in.tar`;
      await run("tar", "-C", at("repo/sub"), `${flag}f`, archive, "Dockerfile", "a");
      assert.equal(await files(["-"], await Deno.readFile(archive)), "./a: later\n");
    }
    const { stderr } = await home.build(["-"], { stdin: "FROM scratch\nCOPY a /a\n" });
    assert.match(stderr, /^error: [^\n]*"?a"?/m);
  });
});

/** Serves the repositories below a folder. */
async function gitDaemon(folder: string): Promise<AsyncDisposable & { readonly port: number }> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const flags = ["--export-all", "--reuseaddr", "--listen=127.0.0.1", `--port=${port}`];
  const child = new Deno.Command("git", {
    args: ["daemon", "--verbose", ...flags, `--base-path=${folder}`, folder],
    stderr: "piped",
  }).spawn();
  const chunks = child.stderr[Symbol.asyncIterator]();
  for (let said = ""; !said.includes("Ready");) {
    const { value, done } = await chunks.next();
    assert.ok(!done, said);
    said += new TextDecoder().decode(value);
  }
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.status;
      await chunks.return?.();
    },
  };
}
