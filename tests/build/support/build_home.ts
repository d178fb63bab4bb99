/** `ctr build` as a user meets it, in a home whose Docker Hub is the test registry. */
import assert from "node:assert/strict";
import { type CtrHome, ctrHome, type Result, type RunOptions } from "../../run/ctr_home.ts";
import { imageTree } from "./image_tree.ts";
import { readReport, type Report } from "./report.ts";
import { meaning, parseDocument } from "./image_config.ts";
import type { Built } from "./peer.ts";

export const REGISTRY = Deno.env.get("CTR_TEST_REGISTRY") ?? "";

export class BuildHome implements AsyncDisposable {
  private constructor(readonly home: CtrHome, readonly scratch: string) {}

  /** @param config The text of `config.toml`. */
  static async open(config = ""): Promise<BuildHome> {
    const home = await ctrHome(config);
    await Deno.writeTextFile(
      `${home.path}/config/ctr/registries.toml`,
      `[host."docker.io"]\nmirrors = ["http://${REGISTRY}"]\n`,
    );
    return new BuildHome(home, await Deno.makeTempDir({ prefix: "ctr-build-" }));
  }

  /** `ctr build …`, whatever comes of it. */
  build(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return this.home.ctr(["build", "--progress", "plain", ...args], options);
  }

  /** @returns Standard output, and the log. Fails with the log. */
  async mustBuild(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return must(await this.build(args, options), `build ${args.join(" ")}`);
  }

  /** `ctr build …`, whatever comes of it, as its events tell it. */
  async report(args: readonly string[], options: RunOptions = {}): Promise<Report> {
    return readReport(await this.home.ctr(["build", "--progress", "rawjson", ...args], options));
  }

  /** `report()` of a build that must succeed. */
  async mustReport(args: readonly string[], options: RunOptions = {}): Promise<Report> {
    const report = await this.report(args, options);
    assert.equal(report.status, 0, `${JSON.stringify(report.failed)}\n${report.log}`);
    return report;
  }

  /** `ctr …`, which must end with 0. @returns Standard output. */
  async must(...args: readonly string[]): Promise<string> {
    return must(await this.home.ctr(args), args.join(" ")).stdout;
  }

  /** Builds, and reads tree and config from the store's blobs. */
  async buildAndLook(name: string, args: readonly string[]): Promise<Built> {
    const file = `${this.scratch}/${name.replaceAll("/", "-")}.json`;
    await this.mustBuild(["-t", name, "--metadata-file", file, ...args]);
    return await this.look(JSON.parse(await Deno.readTextFile(file))["containerimage.digest"]);
  }

  /** @param digest Of a manifest, or of an index of one manifest. */
  async look(digest: string): Promise<Built> {
    const manifest = JSON.parse(await this.#text(digest));
    if (manifest.manifests) return await this.look(manifest.manifests[0].digest);
    const document = parseDocument(await this.#text(manifest.config.digest));
    assert.equal(document.rootfs.diff_ids.length, manifest.layers.length, "diff IDs and layers");
    const layers = document.history.filter(({ empty_layer }) => !empty_layer);
    assert.equal(layers.length, manifest.layers.length, "history and layers");
    return {
      tree: await imageTree(manifest.layers.map((layer: { digest: string }) => ({
        digest: layer.digest,
        read: () => Deno.readFile(this.blob(layer.digest)),
      }))),
      config: meaning(document),
    };
  }

  blob(digest: string): string {
    return `${this.home.path}/content/blobs/${digest.replace(":", "/")}`;
  }

  #text(digest: string): Promise<string> {
    return Deno.readTextFile(this.blob(digest));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.scratch, { recursive: true });
    await this.home[Symbol.asyncDispose]();
  }
}

export function must(result: Result, what: string): Result {
  assert.equal(result.status, 0, `${what}\n${result.stderr}`);
  return result;
}

/** Registers a test that needs the registry, unless there is none. */
export function buildTest(name: string, body: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name, ignore: REGISTRY === "", fn: body });
}

/** A folder of files for one test. */
export async function folderOf(files: Record<string, string>): Promise<TestFolder> {
  const folder = new TestFolder(await Deno.makeTempDir({ prefix: "ctr-context-" }));
  await folder.write(files);
  return folder;
}

export class TestFolder implements AsyncDisposable {
  constructor(readonly path: string) {}

  /** A name that ends in `/` is an empty folder. */
  async write(files: Record<string, string>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      const path = `${this.path}/${name}`;
      await Deno.mkdir(name.endsWith("/") ? path : path.slice(0, path.lastIndexOf("/")), {
        recursive: true,
      });
      if (!name.endsWith("/")) await Deno.writeTextFile(path, text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
