import { join } from "node:path";
import { request } from "node:http";
import { cacheFolder } from "../../src/host/mod.ts";
import { AttachClient } from "./attach_client.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** The folder of the OCI layout that scripts/images made, if it was run. */
export function busyboxLayout(): string | undefined {
  try {
    const lines = Deno.readTextFileSync(join(cacheFolder(), "images/current")).split("\n");
    return lines.find((line) => line.startsWith("busybox:latest "))?.split(" ")[1];
  } catch {
    return undefined;
  }
}

/** A ctr home with an engine process of its own that can be killed and started again. */
export class EngineHome implements AsyncDisposable {
  #engine: Deno.ChildProcess | undefined;

  private constructor(readonly path: string, readonly env: Record<string, string>) {}

  /** With `busybox` in its store. */
  static async make(env: Record<string, string> = {}): Promise<EngineHome> {
    const home = new EngineHome(await Deno.makeTempDir({ prefix: "ctr-engine-" }), env);
    await home.start();
    await home.#load();
    return home;
  }

  get socket(): string {
    return join(this.path, "run/engine.sock");
  }

  get enginePid(): number {
    return this.#engine!.pid;
  }

  /** @returns How long it took until the socket answered, milliseconds. */
  async start(): Promise<number> {
    const began = performance.now();
    this.#engine = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-prompt", "--unstable-vsock", MAIN, "engine"],
      env: {
        CTR_HOME: this.path,
        CTR_CONFIG: join(this.path, "config.toml"),
        CTR_IDLE_TIMEOUT: "1h",
        ...this.env,
      },
      stdin: "null",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    while (!await this.#answers()) await new Promise((resolve) => setTimeout(resolve, 5));
    return performance.now() - began;
  }

  async #answers(): Promise<boolean> {
    try {
      (await Deno.connect({ transport: "unix", path: this.socket })).close();
      return true;
    } catch {
      return false;
    }
  }

  async killEngine(signal: Deno.Signal = "SIGKILL"): Promise<void> {
    this.#engine!.kill(signal);
    await this.#engine!.status;
  }

  async engineEnded(): Promise<number> {
    return (await this.#engine!.status).code;
  }

  /** Calls the engine. What it refuses is thrown with its message. */
  // deno-lint-ignore no-explicit-any
  async call(line: string, body?: unknown): Promise<any> {
    const [method, path] = line.split(" ") as [string, string];
    const { status, bytes } = await this.#send(
      method,
      path,
      body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body)),
    );
    const text = new TextDecoder().decode(bytes);
    const value = text === "" ? undefined : JSON.parse(text);
    if (status >= 400) throw new Error(`${status} ${value?.code}: ${value?.message}`);
    return value;
  }

  async bytes(path: string): Promise<Uint8Array> {
    return (await this.#send("GET", path, undefined)).bytes;
  }

  #send(method: string, path: string, body: Uint8Array | undefined) {
    const { promise, resolve, reject } = Promise.withResolvers<
      { status: number; bytes: Uint8Array }
    >();
    const sent = request(
      { socketPath: this.socket, method, path: `/v1${path}`, agent: false },
      (response) => {
        const parts: Uint8Array[] = [];
        response.on("data", (part: Uint8Array) => parts.push(part));
        response.on("error", reject);
        response.on("end", async () => {
          const bytes = await new Blob(parts as Uint8Array<ArrayBuffer>[]).bytes();
          resolve({ status: response.statusCode!, bytes });
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
    return promise;
  }

  /** The log without times and streams. */
  async logText(id: string, query = ""): Promise<string> {
    const bytes = await this.bytes(`/containers/${id}/logs?${query}`);
    const decoder = new TextDecoder();
    let text = "";
    for (let at = 0; at < bytes.length;) {
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + 1);
      text += decoder.decode(bytes.subarray(at + 14, at + 5 + length), { stream: true });
      at += 5 + length;
    }
    return text;
  }

  attach(ref: string, query = ""): Promise<AttachClient> {
    return AttachClient.open(this.socket, `/v1/containers/${ref}/attach?${query}`);
  }

  async create(args: readonly string[], more: Record<string, unknown> = {}): Promise<string> {
    const { process, ...rest } = more as { process?: Record<string, unknown> };
    const body = { image: "busybox", cpus: 1, memoryBytes: 256 << 20, ...rest };
    const { id } = await this.call("POST /containers", { ...body, process: { args, ...process } });
    return id;
  }

  /** Creates, starts and attaches; to its end. */
  async run(args: readonly string[], more: Record<string, unknown> = {}) {
    const id = await this.create(args, more);
    const client = await this.attach(id, "start=1");
    const exit = await client.exit;
    return { id, exit, stdout: client.stdout, stderr: client.stderr };
  }

  /** Processes on this host whose command line names this home, the engine left out. */
  monitors(): number[] {
    const pids: number[] = [];
    for (const { name } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(name) || Number(name) === this.#engine?.pid) continue;
      try {
        if (!Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(`${this.path}/containers`)) {
          if (!Deno.readLinkSync(`/proc/${name}/cwd`).startsWith(`${this.path}/containers`)) {
            continue;
          }
        }
        pids.push(Number(name));
      } catch {
        // it has just ended
      }
    }
    return pids;
  }

  containerFolders(): string[] {
    try {
      return [...Deno.readDirSync(join(this.path, "containers"))].map(({ name }) => name).sort();
    } catch {
      return [];
    }
  }

  async #load(): Promise<void> {
    const tar = await new Deno.Command("tar", { args: ["-C", busyboxLayout()!, "-cf", "-", "."] })
      .output();
    await this.#send("POST", "/images/load", tar.stdout);
    await this.call("POST /images/tag", { source: "latest", target: "busybox" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!await this.#answers()) await this.start();
    for (const { id } of await this.call("GET /containers?all=1")) {
      await this.call(`DELETE /containers/${id}?force=1`).catch(() => {});
    }
    await this.killEngine("SIGTERM");
    const left = this.monitors();
    for (const pid of left) Deno.kill(pid, "SIGKILL");
    await Deno.remove(this.path, { recursive: true });
    if (left.length > 0) throw new Error(`processes were left behind: ${left}`);
  }
}
