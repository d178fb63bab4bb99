import assert from "node:assert/strict";

export interface Needs {
  readonly tools?: readonly string[];
  readonly root?: boolean;
}

/** Registers a test, or says loudly what it lacks. The only place here where a test is skipped. */
export function testWith(
  needs: Needs,
  name: string,
  run: (t: Deno.TestContext) => Promise<void>,
): void {
  const missing = (needs.tools ?? []).filter((tool) => !isInstalled(tool));
  if (needs.root && Deno.uid() !== 0) missing.push("root");
  if (missing.length > 0) console.error(`SKIPPED ${name}: needs ${missing.join(", ")}`);
  Deno.test({ name, ignore: missing.length > 0, fn: run });
}

function isInstalled(tool: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(`${folder}/${tool}`).isFile;
    } catch {
      return false;
    }
  });
}

/** Runs a program to its end. @returns Its standard output. */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.ok(success, `${program} ${args.join(" ")}\n${decode(stderr)}`);
  return decode(stdout);
}

export function skopeo(...args: readonly string[]): Promise<string> {
  return run("skopeo", "--insecure-policy", ...args);
}

export class TempFolder implements AsyncDisposable {
  constructor(readonly path: string) {}

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

export async function tempFolder(): Promise<TempFolder> {
  return new TempFolder(await Deno.makeTempDir({ prefix: "ctr-image-" }));
}

/** A `docker-registry` of its own, on a free port of this machine. */
export class RealRegistry implements AsyncDisposable {
  constructor(
    readonly host: string,
    readonly folder: string,
    private readonly child: Deno.ChildProcess,
  ) {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.status;
    await Deno.remove(this.folder, { recursive: true });
  }
}

export async function realRegistry(): Promise<RealRegistry> {
  const folder = await Deno.makeTempDir({ prefix: "ctr-registry-" });
  for (let attempt = 0; attempt < 5; attempt++) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const host = `127.0.0.1:${listener.addr.port}`;
    listener.close();
    const config = {
      version: 0.1,
      log: { level: "error", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: `${folder}/data` } },
      http: { addr: host },
    };
    await Deno.writeTextFile(`${folder}/config.yml`, JSON.stringify(config));
    const child = new Deno.Command("docker-registry", {
      args: ["serve", `${folder}/config.yml`],
      stdout: "null",
      stderr: "null",
    }).spawn();
    let ended = false;
    child.status.then(() => ended = true);
    while (!ended) {
      const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.ok) return new RealRegistry(host, folder, child);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error("docker-registry does not start");
}
