/** `ctr` as a user meets it: the real engine, real VMs, a home of its own that must be left clean. */
const ROOT = new URL("../../", import.meta.url).pathname;
const BUNDLE = `${ROOT}dist/bundle/main.js`;
/** The one-file executable, where that is what is tested. */
const ONE_FILE = Deno.env.get("CTR_TEST_FILE");
const FLAGS = ["run", "-A", "--quiet", "--no-prompt", "--unstable-vsock"];

export interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Record<string, string>;
  /** Also what depends on the host, which is left out of standard error otherwise. */
  readonly allNotes?: boolean;
}

/** `$CTR_TEST_REGISTRY/name`, or `undefined` where there is no registry: such tests are skipped. */
export function testImage(name: string): string | undefined {
  const registry = Deno.env.get("CTR_TEST_REGISTRY");
  return registry && `${registry}/${name}`;
}

export const BUSYBOX = testImage("busybox:latest") ?? "";
export const DEBIAN = testImage("debian:12") ?? "";

/** A test that needs the registry. */
export function vmTest(name: string, body: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name, ignore: BUSYBOX === "", fn: body });
}

/** @param config The text of `config.toml`. */
export async function ctrHome(config = ""): Promise<CtrHome> {
  // Short, because the path of a unix socket has at most 107 bytes.
  const home = new CtrHome(await Deno.makeTempDir({ dir: "/tmp", prefix: "ctr-run-" }));
  await Deno.mkdir(`${home.path}/config/ctr`, { recursive: true });
  await Deno.writeTextFile(`${home.path}/config/ctr/config.toml`, config);
  return home;
}

export class CtrHome implements AsyncDisposable {
  readonly #children: Deno.ChildProcess[] = [];

  /** Words in front of every command, as `nsenter`'s. */
  within: readonly string[] = [];

  constructor(readonly path: string) {}

  async ctr(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    const child = await this.spawn(args, options);
    const { stdin } = options;
    if (stdin !== undefined) {
      const writer = child.stdin.getWriter();
      const bytes = typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
      writer.write(bytes).then(() => writer.close()).catch(() => {});
    }
    const late = setTimeout(() => child.kill("SIGKILL"), 120_000);
    const { code, stdout, stderr } = await child.output();
    clearTimeout(late);
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return {
      status: code,
      stdout: text(stdout),
      stderr: options.allNotes ? text(stderr) : told(text(stderr)),
    };
  }

  async spawn(args: readonly string[], options: RunOptions = {}): Promise<Deno.ChildProcess> {
    const command = ONE_FILE ? [ONE_FILE] : [Deno.execPath(), ...await this.command()];
    const [program = "", ...before] = [...this.within, ...command];
    const child = new Deno.Command(program, {
      args: [...before, ...args],
      env: { CTR_HOME: this.path, XDG_CONFIG_HOME: `${this.path}/config`, ...options.env },
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#children.push(child);
    return child;
  }

  async command(): Promise<string[]> {
    const bundled = await Deno.stat(BUNDLE).then(() => true, () => false);
    return bundled ? [...FLAGS, "--no-config", BUNDLE] : [...FLAGS, `${ROOT}main.ts`];
  }

  /** The process that serves this home, which runs. */
  async enginePid(): Promise<number> {
    const { stdout } = await this.ctr(["system", "status", "--format", "json"]);
    return JSON.parse(stdout).pid;
  }

  /** The virtual machines of this home. */
  async monitors(): Promise<number[]> {
    return (await processesOf(this.path)).filter((line) => /^\d+ \S*qemu-system/.test(line))
      .map((line) => Number.parseInt(line));
  }

  /** What a failed operation must not leave: unfinished files, locks, containers. */
  async litter(): Promise<string[]> {
    const found: string[] = [];
    for (const folder of ["containers", "content/ingest", "run/locks", "run/leases"]) {
      for (const name of await namesIn(`${this.path}/${folder}`)) found.push(`${folder}/${name}`);
    }
    const disks = await namesIn(`${this.path}/layers`);
    return [...found, ...disks.filter((name) => !name.endsWith(".ext4")).map((n) => `layers/${n}`)];
  }

  async #left(): Promise<string[]> {
    for (const until = performance.now() + ENDING_MS;;) {
      const left = [...await processesOf(this.path), ...await socketsOf(this.path)];
      if (left.length === 0 || performance.now() > until) return left;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Stops the engine with all that runs, and fails if something is left behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { status, stderr } = await this.ctr(["system", "stop", "-t", "1"]);
    const log = await Deno.readTextFile(`${this.path}/run/engine.log`).catch(() => "");
    const left = await this.#left();
    for (const pid of left) if (/^\d+ /.test(pid)) kill(Number.parseInt(pid));
    await Deno.remove(this.path, { recursive: true });
    if (status !== 0) throw new Error(`system stop ended with ${status}: ${stderr}\n${log}`);
    if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}\n${log}`);
  }
}

/** How long an engine that ends by itself, because nothing lives in it, may take to be gone. */
const ENDING_MS = 3000;

/** Standard error without what depends on the host and not on the test. */
function told(stderr: string): string {
  return stderr.split("\n").filter((line) => !/^note: guests run in emulation/.test(line))
    .join("\n");
}

/** `pid command` of each process that works in the home or was told of it. */
async function processesOf(home: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    try {
      const command = (await Deno.readTextFile(`/proc/${name}/cmdline`)).replaceAll("\0", " ");
      const folder = await Deno.readLink(`/proc/${name}/cwd`);
      if (command.includes(home) || folder.startsWith(home)) found.push(`${name} ${command}`);
    } catch { /* it has ended meanwhile */ }
  }
  return found;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function socketsOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...await socketsOf(path));
    else if ((await Deno.lstat(path)).isSocket) found.push(path);
  }
  return found;
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch { /* it has ended meanwhile */ }
}
