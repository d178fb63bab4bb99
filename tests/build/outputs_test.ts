import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { run } from "../image/support/tools.ts";
import { BuildHome, buildTest, folderOf, REGISTRY } from "./support/build_home.ts";

const FILES = {
  "Dockerfile": "FROM scratch\nCOPY a /a\nCOPY folder /folder\nLABEL x=y\n",
  "a": "a",
  "folder/b": "b",
};

buildTest("the result goes where --output says", async (t) => {
  await using home = await BuildHome.open();
  await using context = await folderOf(FILES);
  const at = (name: string) => `${home.scratch}/${name}`;

  await t.step("by default into the store, under its tags", async () => {
    const { stdout } = await home.mustBuild(["-t", "one", "-t", "two:2", context.path]);
    assert.equal(stdout, "one:latest\ntwo:2\n");
    const listed = JSON.parse(await home.must("image", "ls", "--format", "json"));
    assert.equal(listed.length, 2);
  });

  await t.step(
    "without a name its digest is told, and the same is in the files asked for",
    async () => {
      const files = ["--iidfile", at("iid"), "--metadata-file", at("metadata")];
      const { stdout } = await home.mustBuild([...files, context.path]);
      assert.equal(await home.must("build", "--quiet", context.path), stdout);
      assert.match(stdout, /^sha256:[0-9a-f]{64}\n$/);
      assert.equal(await Deno.readTextFile(at("iid")), stdout.trim());
      const metadata = JSON.parse(await Deno.readTextFile(at("metadata")));
      assert.equal(metadata["containerimage.digest"], stdout.trim());
      assert.match(metadata["containerimage.config.digest"], /^sha256:/);
    },
  );

  await t.step("type=local: files in a folder, what was there stays", async () => {
    await Deno.mkdir(at("local"));
    await Deno.writeTextFile(at("local/there"), "there");
    await home.mustBuild(["-o", at("local"), context.path]);
    const found = await run("find", at("local"), "-type", "f", "-printf", "%P\\n");
    assert.deepEqual(found.trim().split("\n").sort(), ["a", "folder/b", "there"]);
  });

  await t.step("type=tar, to a file and to standard output: the same bytes", async () => {
    await home.mustBuild(["-o", `type=tar,dest=${at("out.tar")}`, context.path]);
    assert.equal(await run("tar", "-tf", at("out.tar")), "a\nfolder/\nfolder/b\n");
    const child = await home.home.spawn(["build", "--progress", "none", "-o", "-", context.path]);
    const { code, stdout } = await child.output();
    assert.equal(code, 0);
    assert.equal(digest(stdout), digest(await Deno.readFile(at("out.tar"))));
  });

  await t.step("type=oci loads again, under its name", async () => {
    await home.mustBuild(["-o", `type=oci,dest=${at("oci.tar")}`, "-t", "packed:1", context.path]);
    await home.must("image", "load", "-i", at("oci.tar"));
    assert.match(await home.must("image", "ls"), /packed +1/);
  });

  await t.step("several outputs of one build", async () => {
    const outputs = ["-o", `type=tar,dest=${at("both.tar")}`, "-o", "type=image,name=both"];
    await home.mustBuild([...outputs, context.path]);
    assert.match(await home.must("image", "ls"), /both/);
    assert.ok((await Deno.stat(at("both.tar"))).size > 0);
  });

  await t.step("type=registry and --push: others can pull it", async () => {
    const name = `${REGISTRY}/build-test/pushed:${crypto.randomUUID().slice(0, 8)}`;
    await home.mustBuild(["--push", "-t", name, context.path]);
    const shown = await run(
      "skopeo",
      "--insecure-policy",
      "inspect",
      "--tls-verify=false",
      `docker://${name}`,
    );
    assert.deepEqual(JSON.parse(shown).Labels, { x: "y" });
  });

  await t.step("an output that cannot be written is one sentence", async () => {
    const { status, stderr } = await home.build(["-o", "type=tar,dest=/proc/no/x", context.path]);
    assert.equal(status, 1);
    assert.match(stderr, /^error: [^\n]+\/proc\/no[^\n]*$/m);
  });
});

buildTest("the same sources give the same bytes, when times are said", async (t) => {
  await using home = await BuildHome.open();
  await using context = await folderOf({
    ...FILES,
    "Dockerfile": "FROM busybox\nCOPY a /a\nRUN echo made > /made; mkdir /folder\nENV A=1\n",
  });
  const env = { SOURCE_DATE_EPOCH: "1700000000" };
  const digests: string[] = [];
  await t.step("SOURCE_DATE_EPOCH and rewrite-timestamp", async () => {
    for (const name of ["first", "second"]) {
      await Deno.utime(`${context.path}/a`, digests.length, digests.length);
      const dest = `${home.scratch}/${name}.tar`;
      const out = `type=oci,dest=${dest},rewrite-timestamp=true`;
      await home.mustBuild(["--no-cache", "-o", out, context.path], { env });
      digests.push(digest(await Deno.readFile(dest)));
    }
    assert.equal(digests[0], digests[1]);
  });
  await t.step("the image and its files say that time", async () => {
    await run("tar", "-C", home.scratch, "-xf", `${home.scratch}/first.tar`);
    const index = JSON.parse(await Deno.readTextFile(`${home.scratch}/index.json`));
    const read = async ({ digest }: { digest: string }) =>
      JSON.parse(await Deno.readTextFile(`${home.scratch}/blobs/${digest.replace(":", "/")}`));
    const manifest = await read(index.manifests[0]);
    const config = await read(manifest.config);
    assert.match(config.created, /^2023-11-14T22:13:20/);
    const layer = manifest.layers.at(-1).digest.replace(":", "/");
    const listing = await run("tar", "--utc", "-tvf", `${home.scratch}/blobs/${layer}`);
    assert.match(listing, /2023-11-14 22:13/);
    assert.doesNotMatch(listing, /202[4-9]/);
  });
});

buildTest("several platforms are one index", async () => {
  await using home = await BuildHome.open();
  await using context = await folderOf({
    "Dockerfile":
      "FROM busybox\nARG TARGETARCH TARGETPLATFORM\nLABEL on=$TARGETARCH\nCOPY a /$TARGETARCH\n",
    "a": "a",
  });
  const report = await home.mustReport([
    "--platform",
    "linux/amd64,linux/arm64",
    "-t",
    "x",
    context.path,
  ]);
  const platforms = report.result!.platforms.map(({ platform }) => platform).sort();
  assert.deepEqual(platforms.map((name) => name.replace("/v8", "")), [
    "linux/amd64",
    "linux/arm64",
  ]);
  for (const { platform, digest } of report.result!.platforms) {
    const { tree, config } = await home.look(digest);
    const arch = platform.split("/")[1]!;
    assert.ok(tree.has(arch));
    assert.deepEqual(config.Labels, [`on=${arch}`]);
  }
});

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
