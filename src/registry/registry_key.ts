import { CtrError } from "../core/mod.ts";

/** Docker Hub is kept under the address of its first API, by all tools. */
export const DOCKER_HUB_KEY = "https://index.docker.io/v1/";
const DOCKER_HUB = ["docker.io", "index.docker.io", "registry-1.docker.io"];
const KEY = /^(?:\[[\da-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::\d{1,5})?(?:\/[a-z0-9._-]+)*$/;

/**
 * What users type, or files hold, for a registry or a part of one, in one spelling: `docker.io`,
 * `registry.example:5000`, `ghcr.io/team`.
 */
export function registryKey(text: string): string {
  const bare = text.trim().replace(/^https?:\/\//i, "").replace(/\/+$/, "");
  const [host = "", ...rest] = bare.split("/");
  const name = host.toLowerCase();
  // The address of an API is not a part of the registry.
  if (/^v[12]$/.test(rest[0] ?? "")) rest.length = 0;
  return [DOCKER_HUB.includes(name) ? "docker.io" : name, ...rest].join("/");
}

/** @throws {CtrError} `usage` if `text` is not a registry. */
export function parseRegistryKey(text: string): string {
  const key = registryKey(text);
  if (KEY.test(key) && key.length <= 255) return key;
  throw new CtrError("usage", `cannot use the registry "${text.slice(0, 120)}": want a host`, {
    hint: "for example ghcr.io or registry.example:5000",
  });
}

/** The host of a key. */
export function hostOfKey(key: string): string {
  return key.split("/")[0]!;
}

/**
 * The entry for a repository: its own, that of the nearest part that it is in, then the host's.
 *
 * @param entries By keys in any spelling.
 */
export function entryFor<T>(
  entries: Readonly<Record<string, T>>,
  host: string,
  repository = "",
): [string, T] | undefined {
  const parts = repository === "" ? [] : repository.split("/");
  for (let count = parts.length; count >= 0; count--) {
    const wanted = [host.toLowerCase(), ...parts.slice(0, count)].join("/");
    const found = Object.entries(entries).find(([key]) => key === wanted) ??
      Object.entries(entries).find(([key]) => registryKey(key) === wanted);
    if (found) return found;
  }
  return undefined;
}
