/** Programs of others take what `ctr build` makes. */
import assert from "node:assert/strict";
import { run, skopeo, testWith } from "../image/support/tools.ts";
import { BuildHome, folderOf, REGISTRY } from "./support/build_home.ts";
import { NEEDS, Peer } from "./support/peer.ts";
import { meaning, parseDocument } from "./support/image_config.ts";
import type { Tree } from "./support/image_tree.ts";

const DOCKERFILE = `FROM busybox AS base
ENV ONE=1 TWO="two words"
WORKDIR /srv
COPY --chown=1000:50 files .
RUN rm /etc/hello && mkdir -m 1777 shared && ln -s a link && ln a hard && mkfifo pipe && chmod 4711 b
LABEL org.example.name="value, with \\"quotes\\""
EXPOSE 8080 53/udp
VOLUME /data
USER 1000:50
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s CMD ["true"]
ENTRYPOINT ["/bin/echo"]
CMD ["hello"]
`;

testWith(NEEDS, "skopeo, buildah and umoci accept an image of ours", async (t) => {
  assert.ok(REGISTRY !== "", "no test registry");
  await using home = await BuildHome.open();
  await using context = await folderOf({ Dockerfile: DOCKERFILE, "files/a": "a", "files/b": "b" });
  const built = await home.buildAndLook("whole", [context.path]);
  const archive = `${home.scratch}/image.tar`;
  const layout = `${home.scratch}/layout`;
  await home.mustBuild(["-o", `type=oci,dest=${archive},name=whole`, context.path]);
  await home.mustBuild(["-o", `type=oci,tar=false,dest=${layout},name=whole:1`, context.path]);

  await t.step("skopeo inspect", async () => {
    const said = JSON.parse(await skopeo("inspect", "--config", "--raw", `oci-archive:${archive}`));
    assert.deepEqual(meaning(parseDocument(JSON.stringify(said))), built.config);
    const shown = JSON.parse(await skopeo("inspect", `oci-archive:${archive}`));
    assert.equal(shown.Os, "linux");
    assert.deepEqual(shown.Labels, { "org.example.name": 'value, with "quotes"' });
  });

  await t.step("umoci unpack", async () => {
    const bundle = `${home.scratch}/bundle`;
    await run("umoci", "unpack", "--image", `${layout}:1`, bundle);
    assert.deepEqual(await found(`${bundle}/rootfs/srv`), expected(built.tree, "srv/"));
    const { process } = JSON.parse(await Deno.readTextFile(`${bundle}/config.json`));
    assert.deepEqual(process.args, ["/bin/echo", "hello"]);
    assert.equal(process.cwd, "/srv");
    assert.deepEqual([process.user.uid, process.user.gid], [1000, 50]);
    assert.ok(process.env.includes("TWO=two words"));
  });

  await t.step("buildah from", async () => {
    await using peer = await Peer.open(REGISTRY);
    const policy = ["--signature-policy", `${peer.folder}/policy.json`];
    const container = (await peer.run("from", ...policy, `oci-archive:${archive}`)).trim();
    const mounted = (await peer.run("mount", container)).trim();
    assert.deepEqual(await found(`${mounted}/srv`), expected(built.tree, "srv/"));
    await assert.rejects(Deno.lstat(`${mounted}/etc/hello`), Deno.errors.NotFound);
    const inspected = JSON.parse(await peer.run("inspect", container));
    assert.deepEqual(inspected.OCIv1.config.Entrypoint, ["/bin/echo"]);
    assert.equal(inspected.OCIv1.config.StopSignal, "SIGINT");
    await peer.run("umount", container);
    await peer.run("rm", container);
  });

  await t.step("docker archives too", async () => {
    const docker = `${home.scratch}/docker.tar`;
    await home.mustBuild(["-o", `type=docker,dest=${docker},name=whole:2`, context.path]);
    const said = await skopeo("inspect", "--config", "--raw", `docker-archive:${docker}`);
    assert.deepEqual(meaning(parseDocument(said)), built.config);
  });
});

/** Modes and owners below a folder on this machine. */
async function found(folder: string): Promise<string[]> {
  const listing = await run("find", folder, "-mindepth", "1", "-printf", "%P %y %m %U:%G %l\\n");
  return listing.split("\n").map((line) => line.trim()).filter((line) => line !== "").sort();
}

function expected(tree: Tree, below: string): string[] {
  const kinds: Record<string, string> = { file: "f", directory: "d", symlink: "l", fifo: "p" };
  return [...tree].filter(([path]) => path.startsWith(below)).map(([path, line]) => {
    const [kind, mode, owner, ...rest] = line.split(" ");
    const target = kind === "symlink" ? ` ${rest[1]}` : "";
    return `${path.slice(below.length)} ${kinds[kind!]} ${mode} ${owner}${target}`;
  }).sort();
}
