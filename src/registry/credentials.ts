import { z } from "zod";
import { CtrError, withDeadline } from "../core/mod.ts";
import type { Credentials, CredentialSource } from "./types.ts";

const HELPER_MS = 10_000;

/** `CONTAINER_REGISTRY_HOST`, `_USER` and `_TOKEN`: for exactly that host, all three needed. */
export function environmentCredentials(
  get: (name: string) => string | undefined = (name) => Deno.env.get(name),
): CredentialSource {
  return {
    find(host) {
      const username = get("CONTAINER_REGISTRY_USER");
      const password = get("CONTAINER_REGISTRY_TOKEN");
      const matches = get("CONTAINER_REGISTRY_HOST") === host && username && password;
      return Promise.resolve(matches ? { kind: "basic", username, password } : undefined);
    },
  };
}

const Auth = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});
const DockerConfig = z.object({
  auths: z.record(z.string(), Auth).nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
});
const HelperAnswer = z.object({ Username: z.string(), Secret: z.string() });

/** What `docker login` left in `~/.docker/config.json`: helpers, the store, then plain entries. */
export function dockerCredentials(path: string): CredentialSource {
  return {
    async find(host) {
      const config = await readDockerConfig(path);
      if (!config) return undefined;
      const helper = entryFor(config.credHelpers ?? {}, host)?.[1];
      if (helper) return await askHelper(helper, serverName(host));
      if (config.credsStore) {
        const answer = await askHelper(config.credsStore, serverName(host));
        if (answer) return answer;
      }
      const found = entryFor(config.auths ?? {}, host);
      return found && fromAuth(found[1], path);
    },
  };
}

/** The file that Docker reads: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. */
export function defaultCredentials(): CredentialSource[] {
  const folder = Deno.env.get("DOCKER_CONFIG") ?? `${Deno.env.get("HOME") ?? ""}/.docker`;
  return [environmentCredentials(), dockerCredentials(`${folder}/config.json`)];
}

async function readDockerConfig(path: string): Promise<z.infer<typeof DockerConfig> | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return;
    throw new CtrError("denied", `cannot read "${path}": ${(error as Error).message}`, {
      cause: error,
    });
  }
  try {
    return DockerConfig.parse(JSON.parse(text));
  } catch (cause) {
    throw new CtrError("bad-data", `cannot read "${path}": it is not a Docker configuration`, {
      cause,
    });
  }
}

/** Docker Hub is kept under the address of its first API. */
function serverName(host: string): string {
  return host === "docker.io" ? "https://index.docker.io/v1/" : host;
}

function entryFor<T>(entries: Readonly<Record<string, T>>, host: string): [string, T] | undefined {
  const exact = Object.entries(entries).find(([key]) => key === host);
  return exact ?? Object.entries(entries).find(([key]) => hostOf(key) === host);
}

function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, "").split("/")[0]!;
  return host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host;
}

function fromAuth(auth: z.infer<typeof Auth>, path: string): Credentials | undefined {
  if (auth.identitytoken) return { kind: "token", refreshToken: auth.identitytoken };
  if (auth.registrytoken) return { kind: "bearer", token: auth.registrytoken };
  if (auth.username !== undefined && auth.password !== undefined) {
    return { kind: "basic", username: auth.username, password: auth.password };
  }
  if (!auth.auth) return undefined;
  let decoded: string;
  try {
    const bytes = Uint8Array.from(atob(auth.auth), (char) => char.charCodeAt(0));
    decoded = new TextDecoder().decode(bytes);
  } catch (cause) {
    throw new CtrError("bad-data", `cannot read "${path}": an auth entry is not base64`, { cause });
  }
  const colon = decoded.indexOf(":");
  if (colon < 0) return undefined;
  // Docker pads some passwords with NUL.
  const password = decoded.slice(colon + 1).replaceAll("\0", "");
  return { kind: "basic", username: decoded.slice(0, colon), password };
}

/** @see https://github.com/docker/docker-credential-helpers for the protocol */
async function askHelper(name: string, server: string): Promise<Credentials | undefined> {
  if (!/^[\w.-]+$/.test(name)) {
    throw new CtrError(
      "bad-data",
      `cannot ask the credential helper "${name.slice(0, 60)}": bad name`,
    );
  }
  const program = `docker-credential-${name}`;
  try {
    return await withDeadline(`waiting for ${program}`, HELPER_MS, async (signal) => {
      const child = new Deno.Command(program, {
        args: ["get"],
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
        signal,
      }).spawn();
      const writer = child.stdin.getWriter();
      // A helper that ends without reading breaks the pipe; its status tells what it meant.
      await writer.write(new TextEncoder().encode(server)).catch(() => {});
      await writer.close().catch(() => {});
      const { success, stdout } = await child.output();
      if (!success) return undefined; // "credentials not found" is a failure in this protocol
      const { Username, Secret } = HelperAnswer.parse(JSON.parse(new TextDecoder().decode(stdout)));
      if (Username === "" && Secret === "") return undefined;
      return Username === "<token>"
        ? { kind: "token", refreshToken: Secret }
        : { kind: "basic", username: Username, password: Secret };
    });
  } catch (cause) {
    if (cause instanceof CtrError) throw cause;
    const why = cause instanceof Deno.errors.NotFound ? "it is not installed" : "it failed";
    throw new CtrError("denied", `cannot ask ${program} for credentials: ${why}`, { cause });
  }
}
