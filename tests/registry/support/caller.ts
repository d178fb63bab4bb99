import { parseRegistries } from "../../../src/config/mod.ts";
import { CtrError } from "../../../src/core/mod.ts";
import { parseReference } from "../../../src/oci/mod.ts";
import { Connections, openRegistry, type RegistryOptions } from "../../../src/registry/mod.ts";

/** Deadlines for servers of this machine. */
const QUICK = { headersMs: 5000, stallMs: 5000, firstPauseMs: 20, maxPauseMs: 50 };

export interface CallerOptions extends RegistryOptions {
  /** Text of `registries.toml`. */
  readonly toml?: string;
  readonly environment?: Record<string, string>;
}

/** What a caller with this environment and configuration opens. */
export function callerOptions(options: CallerOptions = {}): RegistryOptions {
  const { toml = "", environment = {}, ...rest } = options;
  const config = parseRegistries(toml, "/etc/ctr-test/registries.toml");
  const connections = new Connections(environment, config);
  return { connections, credentials: [], deadlines: QUICK, ...rest };
}

export function caller(options: CallerOptions = {}) {
  return openRegistry(callerOptions(options));
}

/** Resolves `team/app:1` there. @returns Its digest, or the error as a user sees it. */
export async function resolve(host: string, options: CallerOptions = {}): Promise<string> {
  try {
    const found = await caller(options).resolve(parseReference(`${host}/team/app:1`), {
      scheme: options.scheme,
    });
    return found?.digest ?? "nothing";
  } catch (error) {
    if (!(error instanceof CtrError)) throw error;
    const hint = error.hint === undefined ? "" : ` (${error.hint})`;
    return `${error.code}: ${error.message.replaceAll(host, "HOST")}${
      hint.replaceAll(host, "HOST")
    }`;
  }
}
