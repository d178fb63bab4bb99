/** Variables of whoever asks for an image, by name. */
export type Environment = Readonly<Record<string, string>>;

export const PROXY_VARIABLES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];

/** What a registry is reached with. Helpers for credentials want variables of their own. */
const NAMES = new Set([
  ...PROXY_VARIABLES,
  ...PROXY_VARIABLES.map((name) => name.toUpperCase()),
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "CTR_CONFIG",
  "CTR_REGISTRY_HOST",
  "CTR_REGISTRY_USER",
  "CTR_REGISTRY_TOKEN",
  "CONTAINER_REGISTRY_HOST",
  "CONTAINER_REGISTRY_USER",
  "CONTAINER_REGISTRY_TOKEN",
  "DOCKER_CONFIG",
  "REGISTRY_AUTH_FILE",
  "HOME",
  "PATH",
  "XDG_CONFIG_HOME",
  "XDG_RUNTIME_DIR",
  "DBUS_SESSION_BUS_ADDRESS",
  "DISPLAY",
  "WAYLAND_DISPLAY",
  "GNUPGHOME",
  "GPG_TTY",
]);
const PREFIXES = /^(?:PASSWORD_STORE|AWS|AZURE|GOOGLE|CLOUDSDK|GCLOUD)_\w+$/;
const MAX_BYTES = 64 * 1024;

/**
 * The variables of a process that matter to registries, and no others.
 *
 * They hold secrets: they go to the engine over its socket alone, and into no log.
 */
export function registryEnvironment(
  variables: Readonly<Record<string, string | undefined>> = Deno.env.toObject(),
): Environment {
  const kept = Object.entries(variables).filter((entry): entry is [string, string] =>
    entry[1] !== undefined && entry[1].length <= MAX_BYTES &&
    (NAMES.has(entry[0]) || PREFIXES.test(entry[0]))
  );
  return Object.fromEntries(kept);
}
