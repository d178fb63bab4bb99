import assert from "node:assert/strict";
import type { Images, PullProgress } from "../../src/image/mod.ts";
import { digestOf, MEDIA_TYPE, parsePlatform, parseReference } from "../../src/oci/mod.ts";
import { openRegistry } from "../../src/registry/mod.ts";
import { CuttingProxy } from "./support/cutting_proxy.ts";
import { QUICK, type TestHome, testHome } from "./support/home.ts";
import { encode, noise, type SampleImage, sampleImage, writeLayout } from "./support/samples.ts";
import { realRegistry, skopeo, tempFolder, testWith } from "./support/tools.ts";

const TOOLS = { tools: ["docker-registry", "skopeo"] };
const INDEX = sampleImage({ platforms: ["linux/amd64", "linux/arm64"], bytesPerLayer: 30_000 });

/** A store that has `image` under `reference`. */
async function storeWith(home: TestHome, image: SampleImage, reference: string): Promise<Images> {
  await using folder = await tempFolder();
  const images = await home.images();
  await writeLayout(folder.path, image, reference);
  await images.load({ kind: "directory", path: folder.path });
  return images;
}

/** Digests of all that skopeo gets for a reference: documents and blobs. */
async function copied(reference: string): Promise<Set<string>> {
  await using folder = await tempFolder();
  await skopeo(
    "copy",
    "--all",
    "--preserve-digests",
    "--src-tls-verify=false",
    `docker://${reference}`,
    `dir:${folder.path}`,
  );
  const found = new Set<string>();
  for await (const { name } of Deno.readDir(folder.path)) {
    if (name === "version") continue;
    found.add(digestOf(await Deno.readFile(`${folder.path}/${name}`)));
  }
  return found;
}

function phases(): { told: Map<string, string>; onProgress: (progress: PullProgress) => void } {
  const told = new Map<string, string>();
  return {
    told,
    onProgress: (progress) => {
      if (progress.kind === "layer") told.set(progress.digest, progress.phase);
    },
  };
}

testWith(TOOLS, "push() sends an index byte for byte, and nothing twice", async (t) => {
  await using registry = await realRegistry();
  await using home = await testHome();
  const reference = `${registry.host}/team/app:1`;
  const images = await storeWith(home, INDEX, reference);
  await t.step("what skopeo gets is what was sent", async () => {
    const { told, onProgress } = phases();
    const [pushed] = await images.push(reference, { onProgress });
    assert.equal(pushed!.descriptor.digest, INDEX.target.digest);
    assert.deepEqual(await copied(reference), new Set(INDEX.blobs.keys()));
    assert.deepEqual(new Set(told.values()), new Set(["done"]));
  });
  await t.step("again: all is there", async () => {
    const { told, onProgress } = phases();
    await images.push(reference, { onProgress });
    assert.deepEqual(new Set(told.values()), new Set(["exists"]));
  });
  await t.step("into another repository: all is mounted", async () => {
    const { told, onProgress } = phases();
    const other = `${registry.host}/other/app:2`;
    await images.tag(reference, other);
    await images.push(other, { onProgress });
    assert.deepEqual(new Set(told.values()), new Set(["mounted"]));
    assert.deepEqual(await copied(other), new Set(INDEX.blobs.keys()));
  });
  await t.step("one platform alone", async () => {
    const one = `${registry.host}/one/app:1`;
    await images.tag(reference, one);
    const [pushed] = await images.push(one, { platform: parsePlatform("linux/arm64") });
    assert.equal(pushed!.descriptor.digest, INDEX.manifests[1]!.digest);
    const raw = await skopeo("inspect", "--raw", "--tls-verify=false", `docker://${one}`);
    assert.equal(digestOf(raw), INDEX.manifests[1]!.digest);
  });
  await t.step("all tags, and all of them back", async () => {
    const repository = `${registry.host}/many/app`;
    for (const tag of ["a", "b"]) await images.tag(reference, `${repository}:${tag}`);
    const pushed = await images.push(repository, { allTags: true });
    assert.deepEqual(pushed.map((each) => each.reference), [`${repository}:a`, `${repository}:b`]);
    await using other = await testHome();
    const store = await other.images();
    const pulled = await store.pullAll(repository, { platform: "all" });
    const names = pulled.map((each) => each.reference).sort(); // the registry's order is its own
    assert.deepEqual(names, [`${repository}:a`, `${repository}:b`]);
  });
  assert.deepEqual(await home.leftOvers(), []);
});

testWith(TOOLS, "push() goes on where a connection broke", async () => {
  await using registry = await realRegistry();
  await using proxy = new CuttingProxy(registry.host);
  await using home = await testHome();
  const image = sampleImage({ layers: 1, bytesPerLayer: 12_000_000 });
  const reference = `${proxy.host}/app:1`;
  const images = await storeWith(home, image, reference);
  proxy.cuts.push(5_000_000, 4_000_000);
  const seen: number[] = [];
  await images.push(reference, {
    maxConcurrent: 1,
    onProgress: (progress) => {
      if (progress.kind === "layer" && progress.phase === "uploading") seen.push(progress.current);
    },
  });
  assert.equal(proxy.broken, 2);
  const back = seen.filter((bytes, at) => at > 0 && bytes < seen[at - 1]! && bytes > 0);
  assert.ok(back.length >= 1 && back.every((bytes) => bytes > 500_000), "it began from the start");
  assert.deepEqual(await copied(`${registry.host}/app:1`), new Set(image.blobs.keys()));
});

testWith(TOOLS, "attached artifacts travel with --referrers", async () => {
  await using registry = await realRegistry();
  await using home = await testHome();
  const image = sampleImage({ bytesPerLayer: 5000 });
  const reference = parseReference(`${registry.host}/signed/app:1`);
  const images = await storeWith(home, image, `${registry.host}/signed/app:1`);
  await images.push(`${registry.host}/signed/app:1`);
  const client = openRegistry({ credentials: [], deadlines: QUICK });
  const put = async (bytes: Uint8Array<ArrayBuffer>, mediaType: string) => {
    const descriptor = { digest: digestOf(bytes), size: bytes.length, mediaType };
    await client.upload(reference, descriptor, {
      read: async function* () {
        yield await Promise.resolve(bytes);
      },
    });
    return descriptor;
  };
  const config = await put(encode({}), "application/vnd.oci.empty.v1+json");
  const sbom = await put(noise("sbom", 3000), "application/spdx+json");
  const manifest = encode({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    artifactType: "application/spdx+json",
    config,
    layers: [sbom],
    subject: image.target,
  });
  const digest = digestOf(manifest);
  await client.putManifest(reference, digest, manifest, MEDIA_TYPE.manifest);
  const entry = { mediaType: MEDIA_TYPE.manifest, digest, size: manifest.length };
  const list = encode({ schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests: [entry] });
  const tag = image.target.digest.replace(":", "-");
  await client.putManifest(reference, tag, list, MEDIA_TYPE.index);

  await using other = await testHome();
  const store = await other.images();
  const source = `${registry.host}/signed/app:1`;
  assert.equal((await store.pull(source, { referrers: true })).referrers, 1);
  await store.prune();
  const target = `${registry.host}/copied/app:1`;
  await store.tag(source, target);
  assert.equal((await store.push(target, { referrers: true }))[0]!.referrers, 1);
  const { fallback, referrers } = await client.referrers(
    parseReference(target),
    image.target.digest,
  );
  assert.deepEqual([fallback, referrers.map((each) => each.digest)], [true, [digest]]);
  const copy = `docker://${registry.host}/copied/app@${digest}`;
  assert.equal(digestOf(await skopeo("inspect", "--raw", "--tls-verify=false", copy)), digest);
  await store.remove([source, target]);
  const left = (await other.files()).filter((path) => path.startsWith("content/blobs/"));
  assert.deepEqual(left, [], "what was attached goes with its image");
});

Deno.test("push() says what is missing", async () => {
  await using home = await testHome();
  const images = await home.images();
  await assert.rejects(images.push("localhost:1/none"), {
    code: "not-found",
    message: 'cannot push "localhost:1/none:latest": there is no such image',
  });
  const reference = "localhost:1/team/app:1";
  await storeWith(home, INDEX, reference);
  const store = await home.images();
  await Deno.remove(`${home.path}/content/blobs/sha256/${INDEX.manifests[1]!.digest.slice(7)}`);
  await assert.rejects(store.push(reference), {
    code: "not-found",
    message: 'cannot push "localhost:1/team/app:1": its linux/arm64 part is not here',
  });
  await assert.rejects(store.push("localhost:1/team/app:1", { allTags: true }), { code: "usage" });
});
