/** Where RUN steps are run: a session per platform, opened when the first one needs it. */
import type { BuildRequest } from "../../api/mod.ts";
import { formatPlatform, type Platform } from "../../oci/mod.ts";
import type { RunResult, RunStep, StepIo, StepRunner, StepSession } from "../run/types.ts";

export interface SessionsOptions {
  readonly buildId: string;
  readonly request: BuildRequest;
  readonly runner: () => StepRunner;
  readonly onNotice: (text: string, over: Promise<unknown>) => void;
}

export class Sessions implements AsyncDisposable {
  readonly #options: SessionsOptions;
  readonly #open = new Map<string, StepSession>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** A step must run, sooner or later: its VM may boot meanwhile. */
  prepare(platform: Platform): void {
    this.#of(platform).prepare();
  }

  run(platform: Platform, step: RunStep, io: StepIo): Promise<RunResult> {
    return this.#of(platform).run(step, io);
  }

  #of(platform: Platform): StepSession {
    const name = formatPlatform(platform);
    const known = this.#open.get(name);
    if (known) return known;
    const { buildId, request, runner, onNotice } = this.#options;
    const { nameservers = [], search = [], options = [], domain } = request.dns ?? {};
    const session = runner().open({
      buildId,
      platform: { architecture: platform.architecture, variant: platform.variant },
      cpus: request.cpus,
      memoryBytes: request.memoryBytes,
      ...(request.dns && {
        dns: {
          servers: nameservers,
          search: domain === undefined ? search : [domain, ...search],
          options,
        },
      }),
      onNotice,
    });
    this.#open.set(name, session);
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#open.values()].map((each) => each[Symbol.asyncDispose]()));
  }
}
