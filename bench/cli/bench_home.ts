import { BUSYBOX, type CtrHome, ctrHome } from "../../tests/run/ctr_home.ts";
import { BIN, useBundledAssets } from "./bundled.ts";

/** `bin/ctr` in a home of its own, which must be left clean. */
export class BenchHome implements AsyncDisposable {
  readonly #home: CtrHome;
  readonly #env: Record<string, string>;

  private constructor(home: CtrHome, env: Record<string, string>) {
    this.#home = home;
    // What the user has configured is not what is measured.
    this.#env = { CTR_HOME: home.path, CTR_CONFIG: `${home.path}/config.toml`, ...env };
  }

  /** @throws {Error} Where there is no test registry. */
  static async open(env: Record<string, string> = {}): Promise<BenchHome> {
    if (BUSYBOX === "") {
      throw new Error('no registry: set CTR_TEST_REGISTRY to what "scripts/registry start" prints');
    }
    await useBundledAssets();
    return new BenchHome(await ctrHome(), env);
  }

  get path(): string {
    return this.#home.path;
  }

  spawn(words: readonly string[]): Deno.ChildProcess {
    return new Deno.Command(BIN, {
      args: [...words],
      env: this.#env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  /**
   * @returns Standard output, trimmed.
   * @throws {Error} With standard error, if it ends with anything but 0.
   */
  async ctr(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.spawn(words).output();
    if (code !== 0) {
      throw new Error(`ctr ${words.join(" ")} ended with ${code}: ${text(stderr)}`);
    }
    return text(stdout).trim();
  }

  /** Starts the engine if it does not run. */
  async enginePid(): Promise<number> {
    await this.ctr("system", "start");
    const { pid } = JSON.parse(await this.ctr("system", "status", "--format", "json"));
    return pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#home[Symbol.asyncDispose]();
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
