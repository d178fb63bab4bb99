import { FakeEngine } from "./fake_engine.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

export interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly main?: string;
}

/** A ctr home for one test, with a fake engine in it unless that is not wanted. */
export class TestHome implements AsyncDisposable {
  private constructor(readonly path: string, readonly engine: FakeEngine) {}

  static async make(): Promise<TestHome> {
    const path = await Deno.makeTempDir({ prefix: "ctr-cli-" });
    return new TestHome(path, await FakeEngine.listen(path));
  }

  /** Runs `ctr` to its end. */
  async ctr(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return await runCtr(this.path, args, options);
  }

  spawn(args: readonly string[], options: Pick<RunOptions, "env"> = {}): Deno.ChildProcess {
    return command(this.path, args, options, "piped").spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
    await Deno.remove(this.path, { recursive: true });
  }
}

export async function runCtr(
  home: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Result> {
  const stdin = options.stdin === undefined ? "null" : "piped";
  const child = command(home, args, options, stdin).spawn();
  if (options.stdin !== undefined) {
    const bytes = typeof options.stdin === "string"
      ? new TextEncoder().encode(options.stdin)
      : options.stdin;
    const writer = child.stdin.getWriter();
    writer.write(bytes).then(() => writer.close()).catch(() => {});
  }
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { status: code, stdout: text(stdout), stderr: text(stderr) };
}

function command(
  home: string,
  args: readonly string[],
  options: RunOptions,
  stdin: "null" | "piped",
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", options.main ?? MAIN, ...args],
    env: { CTR_HOME: home, NO_COLOR: "1", ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}
