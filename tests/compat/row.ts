import { BUSYBOX, type CtrHome, type Result, type RunOptions } from "../run/ctr_home.ts";

/** What a row is for a tool: `yes`, `no`, or what is different. */
export type Support = string;

/** One behaviour, as a user meets it. */
export interface Row {
  /** `ctr run --env`: command and flag, or command and a few words. */
  readonly name: string;
  /** What happens, in the present tense; becomes a cell of the table. */
  readonly what: string;
  /** Apple's `container` 1.x. Default: yes. */
  readonly apple?: Support;
  /** Docker. Default: yes. */
  readonly docker?: Support;
  /** What `ctr` does if the check passes. Default: yes. */
  readonly ctr?: Support;
  /** Throws unless it is so. */
  check(world: World): Promise<void>;
}

export interface Chapter {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** What the checks of a run share: one home with the test image in it. */
export class World {
  readonly image = BUSYBOX;
  #shared: Promise<string> | undefined;
  #count = 0;

  constructor(readonly home: CtrHome) {}

  /** As typed; nothing is expected of it. */
  ctr(args: readonly string[], options?: RunOptions): Promise<Result> {
    return this.home.ctr(args, options);
  }

  /**
   * @returns Standard output.
   * @throws {Error} Unless it ends with 0.
   */
  async ok(args: readonly string[], options?: RunOptions): Promise<string> {
    const { status, stdout, stderr } = await this.home.ctr(args, options);
    if (status === 0) return stdout;
    throw new Error(`ctr ${args.join(" ")} ended with ${status}: ${stderr}`);
  }

  /** Runs `command` by a shell in a container of its own, with `flags`. */
  run(flags: readonly string[], command: string, options?: RunOptions): Promise<string> {
    const args = ["run", "--rm", "--progress", "none", ...flags, this.image, "sh", "-c", command];
    return this.ok(args, options);
  }

  /**
   * It must fail in one sentence.
   *
   * @returns Standard error.
   */
  async fails(args: readonly string[], status: number, options?: RunOptions): Promise<string> {
    const result = await this.home.ctr(args, options);
    if (result.status !== status) {
      const told = `${result.stderr}${result.stdout}`;
      throw new Error(`ctr ${args.join(" ")} ended with ${result.status}, not ${status}: ${told}`);
    }
    if (!/^error: [^\n]+\n(hint: [^\n]+\n)?$/.test(result.stderr)) {
      throw new Error(`ctr ${args.join(" ")} did not say one sentence: ${result.stderr}`);
    }
    return result.stderr;
  }

  /** A name that nothing has. */
  name(stem = "c"): string {
    return `${stem}${++this.#count}`;
  }

  /** A container that sleeps and that checks must leave as it is. */
  shared(): Promise<string> {
    return this.#shared ??= (async () => {
      const flags = ["-d", "--name", "shared", "-e", "FROM=init", "--label", "role=shared"];
      await this.ok(["run", ...flags, "--progress", "none", this.image, "sleep", "100000"]);
      return "shared";
    })();
  }
}
