import { join } from "node:path";
import { z } from "zod";
import { CtrError, isCtrError } from "../core/mod.ts";
import { askHelper } from "./credential_helper.ts";
import { type Environment, registryEnvironment } from "../api/mod.ts";
import { DOCKER_HUB_KEY, entryFor } from "./registry_key.ts";
import type { Credentials, CredentialSource } from "./types.ts";

const MAX_BYTES = 4 * 1024 * 1024;
const Auth = z.object({
  auth: z.string().nullish(),
  username: z.string().nullish(),
  password: z.string().nullish(),
  identitytoken: z.string().nullish(),
  registrytoken: z.string().nullish(),
});
type Auth = z.output<typeof Auth>;
const File = z.object({
  auths: z.record(z.string(), Auth).nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
});

/**
 * What `docker login` or `podman login` left in a file: the helper of a registry, the store of all,
 * then plain entries.
 */
export function dockerCredentials(
  path: string,
  environment: Environment = registryEnvironment(),
): CredentialSource {
  return {
    name: path,
    async find(host, repository) {
      const file = await readAuthFile(path);
      if (!file) return undefined;
      const helper = entryFor(file.credHelpers ?? {}, host)?.[1];
      if (helper) return await askOwnHelper(helper, serverName(host), environment);
      if (file.credsStore) {
        const answer = await askStore(file.credsStore, serverName(host), environment);
        if (answer) return answer;
      }
      const found = entryFor(file.auths ?? {}, host, repository);
      return found && fromAuth(found[1], path);
    },
  };
}

/** The files of Docker and Podman, in the order in which they are asked. */
export function authFiles(environment: Environment): string[] {
  const { DOCKER_CONFIG, HOME, REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, XDG_CONFIG_HOME } = environment;
  const config = XDG_CONFIG_HOME || (HOME && join(HOME, ".config"));
  const files = [
    DOCKER_CONFIG ? join(DOCKER_CONFIG, "config.json") : HOME && join(HOME, ".docker/config.json"),
    ...(REGISTRY_AUTH_FILE ? [REGISTRY_AUTH_FILE] : [
      XDG_RUNTIME_DIR && join(XDG_RUNTIME_DIR, "containers/auth.json"),
      config && join(config, "containers/auth.json"),
    ]),
  ];
  return [...new Set(files.filter((path): path is string => Boolean(path)))];
}

/** A helper that is named for a host has to be there. */
async function askOwnHelper(name: string, server: string, environment: Environment) {
  try {
    return await askHelper(name, server, environment);
  } catch (error) {
    if (!isCtrError(error, "not-found")) throw error;
    throw new CtrError("denied", error.message, { cause: error });
  }
}

/** The store of all registries may be left over from a program that was removed. */
async function askStore(name: string, server: string, environment: Environment) {
  try {
    return await askHelper(name, server, environment);
  } catch (error) {
    if (isCtrError(error, "not-found")) return undefined;
    throw error;
  }
}

async function readAuthFile(path: string): Promise<z.output<typeof File> | undefined> {
  let text: string;
  try {
    const { size } = await Deno.stat(path);
    if (size > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return;
    throw new CtrError("denied", `cannot read "${path}": ${(error as Error).message}`, {
      cause: error,
    });
  }
  try {
    return File.parse(JSON.parse(text));
  } catch {
    // Without its cause: the words of a parser quote what it read, which is secrets.
    throw new CtrError("bad-data", `cannot read "${path}": it is not a Docker configuration`);
  }
}

function serverName(host: string): string {
  return host === "docker.io" ? DOCKER_HUB_KEY : host;
}

function fromAuth(auth: Auth, path: string): Credentials | undefined {
  if (auth.identitytoken) return { kind: "token", refreshToken: auth.identitytoken };
  if (auth.registrytoken) return { kind: "bearer", token: auth.registrytoken };
  if (auth.username && typeof auth.password === "string") {
    return { kind: "basic", username: auth.username, password: auth.password };
  }
  if (!auth.auth) return undefined;
  let decoded: string;
  try {
    const bytes = Uint8Array.from(atob(auth.auth), (char) => char.charCodeAt(0));
    decoded = new TextDecoder().decode(bytes);
  } catch {
    throw new CtrError("bad-data", `cannot read "${path}": an auth entry is not base64`);
  }
  const colon = decoded.indexOf(":");
  if (colon < 0) return undefined;
  // Docker pads some passwords with NUL.
  const password = decoded.slice(colon + 1).replaceAll("\0", "");
  return { kind: "basic", username: decoded.slice(0, colon), password };
}
