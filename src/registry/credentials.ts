import { authFiles, dockerCredentials } from "./auth_file.ts";
import { type Environment, registryEnvironment } from "../api/mod.ts";
import { fileLoginStore } from "./login_store.ts";
import { registryKey } from "./registry_key.ts";
import type { CredentialSource } from "./types.ts";

/**
 * `CTR_REGISTRY_HOST`, `_USER` and `_TOKEN`, or the same with `CONTAINER_`: for exactly that host,
 * all three needed.
 */
export function environmentCredentials(
  environment: Environment = registryEnvironment(),
): CredentialSource {
  return {
    name: "the environment",
    find(host) {
      for (const prefix of ["CTR_REGISTRY", "CONTAINER_REGISTRY"]) {
        const username = environment[`${prefix}_USER`];
        const password = environment[`${prefix}_TOKEN`];
        const named = registryKey(environment[`${prefix}_HOST`] ?? "");
        if (named !== "" && named === host.toLowerCase() && username && password) {
          return Promise.resolve({ kind: "basic", username, password });
        }
      }
      return Promise.resolve(undefined);
    },
  };
}

/**
 * Where credentials are looked for, in this order: the environment, what `ctr registry login` kept,
 * Docker's file with its helpers, Podman's.
 *
 * @param home The ctr home; without one there is no store of our own.
 */
export function credentialSources(
  environment: Environment = registryEnvironment(),
  home?: string,
): CredentialSource[] {
  return [
    environmentCredentials(environment),
    ...(home === undefined ? [] : [fileLoginStore(home)]),
    ...authFiles(environment).map((path) => dockerCredentials(path, environment)),
  ];
}
