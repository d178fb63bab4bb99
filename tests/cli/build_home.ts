import type { IncomingMessage, ServerResponse } from "node:http";
import type { BuildEvent, BuildRequest, BuildResult } from "../../src/api/mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { type Result, type RunOptions, TestHome } from "./ctr.ts";

export const DIGEST = `sha256:${"1234abcd".repeat(8)}`;

/** A home, a context in it, and what the CLI has sent. */
export class BuildHome implements AsyncDisposable {
  readonly requests: BuildRequest[] = [];
  readonly uploads: Uint8Array[] = [];
  answer: readonly BuildEvent[] = [result()];

  private constructor(readonly home: TestHome, readonly context: string) {
    home.engine.on("POST /v1/build", (request, response) => this.#build(request, response));
  }

  static async make(dockerfile = "FROM scratch\n"): Promise<BuildHome> {
    const home = await TestHome.make();
    const context = `${home.path}/context`;
    await Deno.mkdir(`${context}/sub`, { recursive: true });
    await Deno.writeTextFile(`${context}/Dockerfile`, dockerfile);
    return new BuildHome(home, context);
  }

  async #build(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const piece of request) pieces.push(piece);
    const bytes = new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
    const end = bytes.indexOf(10);
    this.requests.push(JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))));
    this.uploads.push(bytes.subarray(end + 1));
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    response.end(this.answer.map((event) => `${JSON.stringify(event)}\n`).join(""));
  }

  async build(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return await this.home.ctr(["build", ...args], { cwd: this.context, ...options });
  }

  /** What was sent, of a build that has to be done. */
  async sent(args: readonly string[], options: RunOptions = {}): Promise<BuildRequest> {
    const { status, stderr } = await this.build(args, options);
    assertEquals(status, 0, stderr);
    return this.requests.at(-1)!;
  }

  /** What is told of a build that cannot begin. */
  async refused(...args: string[]): Promise<string> {
    const before = this.requests.length;
    const { status, stdout, stderr } = await this.build(args);
    assert([1, 2].includes(status), `${args.join(" ")}: ${status} ${stderr}`);
    assertEquals([stdout, this.requests.length], ["", before]);
    return stderr.replaceAll(this.home.path, "HOME");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
  }
}

export function result(some: Partial<BuildResult> = {}): BuildEvent {
  return {
    kind: "result",
    result: {
      digest: DIGEST,
      images: [{ reference: "docker.io/library/a:1", familiar: "a:1", digest: DIGEST }],
      platforms: [{ platform: "linux/amd64", digest: DIGEST }],
      written: [],
      metadata: { "containerimage.digest": DIGEST },
      steps: { total: 3, cached: 1, run: 1 },
      ...some,
    },
  };
}
