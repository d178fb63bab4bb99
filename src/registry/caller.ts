import { dirname, join } from "node:path";
import { readRegistries } from "../config/mod.ts";
import { configFile } from "../host/mod.ts";
import { Connections } from "./connections.ts";
import { credentialSources } from "./credentials.ts";
import type { Environment } from "../api/mod.ts";
import type { RegistryOptions } from "./types.ts";

/** Where `registries.toml` is: beside `config.toml`. */
export function registriesFile(environment: Environment): string {
  return join(dirname(configFile(environment)), "registries.toml");
}

/**
 * How one caller reaches registries: by its environment, its configuration, its credentials.
 *
 * They are read now, so that a login or a changed file counts for the next pull.
 *
 * @param home The ctr home, where logins are kept.
 * @throws {CtrError} `usage` if `registries.toml` is wrong.
 */
export async function callerOptions(
  environment: Environment,
  home: string,
): Promise<Required<Pick<RegistryOptions, "connections" | "credentials">>> {
  const config = await readRegistries(registriesFile(environment), environment["HOME"]);
  return {
    connections: new Connections(environment, config),
    credentials: credentialSources(environment, home),
  };
}
