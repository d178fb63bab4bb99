import { createHash } from "node:crypto";
import { assert, assertEquals } from "../cli/assert.ts";
import { ctrHome, DEBIAN, vmTest } from "./ctr_home.ts";

/** What the guest's kernel and GNU find make of a tree. A folder's own size and time are not the layer's. */
const LIST = `cd "$0" && find opt/edge opt/xattr opt/empty ` +
  `\\( -type d -printf '%p|d|%m|%U|%G\\n' \\) -o -printf '%p|%y|%m|%U|%G|%T@|%n|%s|%l\\n' ` +
  `| LC_ALL=C sort; find opt/edge opt/xattr opt/empty -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum`;
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

async function run(program: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr)); // GNU tar has remarks about odd times
  return new TextDecoder().decode(stdout);
}

/** An OCI layout of which one may add to the only image. */
class Layout {
  constructor(readonly folder: string) {}

  async read(digest: string) {
    return JSON.parse(await Deno.readTextFile(this.#path(digest)));
  }

  async write(data: Uint8Array | object): Promise<{ digest: string; size: number }> {
    const bytes = data instanceof Uint8Array
      ? data
      : new TextEncoder().encode(JSON.stringify(data));
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    await Deno.writeFile(this.#path(digest), bytes);
    return { digest, size: bytes.length };
  }

  async addLayer(tar: Uint8Array): Promise<void> {
    const indexPath = `${this.folder}/index.json`;
    const index = JSON.parse(await Deno.readTextFile(indexPath));
    const manifest = await this.read(index.manifests[0].digest);
    const config = await this.read(manifest.config.digest);
    const gzip = new Blob([tar as BlobPart]).stream().pipeThrough(new CompressionStream("gzip"));
    const layer = await this.write(await new Response(gzip).bytes());
    manifest.layers.push({ mediaType: LAYER, ...layer });
    config.rootfs.diff_ids.push(`sha256:${createHash("sha256").update(tar).digest("hex")}`);
    delete config.history;
    Object.assign(manifest.config, await this.write(config));
    Object.assign(index.manifests[0], await this.write(manifest));
    await Deno.writeTextFile(indexPath, JSON.stringify(index));
  }

  #path(digest: string): string {
    return `${this.folder}/blobs/sha256/${digest.slice("sha256:".length)}`;
  }
}

vmTest("a layer looks from inside a guest as GNU tar extracts it", async () => {
  await using home = await ctrHome();
  const work = await Deno.makeTempDir({ prefix: "ctr-tree-" });
  try {
    const makeLayers = new URL("../../bench/make-layers", import.meta.url).pathname;
    await run("python3", [makeLayers, "--kinds", "edge", "--no-gz", "--no-zst", "--out", work]);
    await Deno.mkdir(`${work}/host`);
    const extract = ["-C", `${work}/host`, "--numeric-owner", "-xpf", `${work}/edge.tar`];
    await run("tar", extract);
    const expected = await run("sh", ["-c", LIST, `${work}/host`]);

    const layout = new Layout(`${work}/layout`);
    const source = ["--src-tls-verify=false", `docker://${DEBIAN}`];
    await run("skopeo", ["copy", "-q", ...source, `oci:${layout.folder}:tree:1`]);
    await layout.addLayer(await Deno.readFile(`${work}/edge.tar`));
    await run("tar", ["-C", layout.folder, "-cf", `${work}/tree.tar`, "."]);
    const loaded = await home.ctr([
      "image",
      "load",
      "--progress",
      "none",
      "-i",
      `${work}/tree.tar`,
    ]);
    assertEquals([loaded.status, loaded.stderr], [0, ""]);

    const reference = loaded.stdout.trim();
    const inside = await home.ctr(["run", "--rm", reference, "sh", "-c", LIST, "/"]);
    assertEquals(inside.status, 0);
    assert(expected.split("\n").length > 900, "the layer holds all its odd entries");
    assertEquals(inside.stdout.split("\n"), expected.split("\n"));
  } finally {
    await Deno.remove(work, { recursive: true });
  }
});
