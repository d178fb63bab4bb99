/** Debian's buildah, as an independent reader of Dockerfiles. */
import { imageTree, type Tree } from "./image_tree.ts";
import { meaning, parseDocument } from "./image_config.ts";
import { type Needs, run } from "../../image/support/tools.ts";

export const NEEDS: Needs = { tools: ["buildah", "skopeo", "umoci"], root: true };

export interface Built {
  readonly tree: Tree;
  readonly config: Record<string, unknown>;
}

/** A store of its own, whose Docker Hub is the test registry. */
export class Peer implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async open(registry: string): Promise<Peer> {
    const folder = await Deno.makeTempDir({ prefix: "ctr-peer-" });
    const write = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
    await write("policy.json", '{"default":[{"type":"insecureAcceptAnything"}]}');
    await write(
      "registries.conf",
      `[[registry]]\nprefix = "docker.io"\nlocation = "${registry}"\ninsecure = true\n`,
    );
    return new Peer(folder);
  }

  /** `buildah …` with this store. */
  command(...args: readonly string[]): string[] {
    const { folder } = this;
    const storage = ["--storage-driver", "overlay", "--root", `${folder}/root`];
    const settings = [
      "--runroot",
      `${folder}/run`,
      "--registries-conf",
      `${folder}/registries.conf`,
    ];
    return ["buildah", ...storage, ...settings, ...args];
  }

  async run(...args: readonly string[]): Promise<string> {
    const [program, ...rest] = this.command(...args);
    return await run(program!, ...rest);
  }

  /** @returns The name under which it is found. */
  async build(name: string, args: readonly string[]): Promise<string> {
    const settings = ["--isolation", "chroot", "--format", "docker", "--quiet"];
    const policy = ["--signature-policy", `${this.folder}/policy.json`, "--tls-verify=false"];
    await this.run("build", ...settings, ...policy, "--layers=false", "-t", name, ...args);
    return name;
  }

  /** Tree and config of an image of this store, by its layers. */
  async look(name: string): Promise<Built> {
    const out = await Deno.makeTempDir({ dir: this.folder });
    const policy = ["--signature-policy", `${this.folder}/policy.json`];
    await this.run("push", "--quiet", "--disable-compression", ...policy, name, `dir:${out}`);
    const manifest = JSON.parse(await Deno.readTextFile(`${out}/manifest.json`));
    const file = (digest: string) => `${out}/${digest.replace("sha256:", "")}`;
    const layers = manifest.layers.map(({ digest }: { digest: string }) => ({
      digest,
      read: () => Deno.readFile(file(digest)),
    }));
    const built = {
      tree: await imageTree(layers),
      config: meaning(parseDocument(await Deno.readTextFile(file(manifest.config.digest)))),
    };
    await Deno.remove(out, { recursive: true });
    return built;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const mounts = (await Deno.readTextFile("/proc/self/mounts")).split("\n")
      .map((line) => line.split(" ")[1] ?? "").filter((path) => path.startsWith(this.folder));
    for (const mount of mounts.toReversed()) await run("umount", mount);
    await Deno.remove(this.folder, { recursive: true });
  }
}
