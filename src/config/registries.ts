import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { parseToml, readTomlText } from "./toml_file.ts";

const MAX_MIRRORS = 16;
const PROXIES = ["http:", "https:", "socks5:", "socks5h:"];

/** `HOST[:PORT][/PATH]`, with `https://` or `http://` before it where `auto` would be wrong. */
const mirror = z.string().regex(
  /^(?:https?:\/\/)?[\w.-]+(?::\d{1,5})?(?:\/[\w./-]*)?$|^(?:https?:\/\/)?\[[\da-fA-F:.]+\](?::\d{1,5})?(?:\/[\w./-]*)?$/,
  "want a host, for example mirror.example:5000 or https://cache.example/hub",
).transform((text): MirrorSettings => {
  const [, scheme, host = "", path = ""] = /^(?:(https?):\/\/)?([^/]+)(.*)$/.exec(text)!;
  return {
    host: host.toLowerCase(),
    path: path.replace(/\/+$/, ""),
    ...(scheme && { scheme: scheme as "http" | "https" }),
  };
});
const proxy = z.string().refine(
  (text) => text === "none" || PROXIES.includes(URL.parse(text)?.protocol ?? ""),
  'want "none" or a URL that begins with http, https, socks5 or socks5h',
);
const list = z.union([z.string().min(1), z.array(z.string().min(1)).max(64)])
  .transform((value) => [value].flat());

const Host = z.strictObject({
  /** Asked first for what is pulled, in this order; then the registry itself. */
  mirrors: z.array(mirror).max(MAX_MIRRORS).optional(),
  /** True: plain HTTP. False: HTTPS, also where `auto` would take plain HTTP. */
  http: z.boolean().optional(),
  /** PEM files of certificate authorities, beside those of the system. */
  ca: list.optional(),
  /** PEM file of the client's certificate, and of its key. */
  cert: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
  /** Over the proxy of the environment; "none" for no proxy. */
  proxy: proxy.optional(),
  /** True: whoever answers is believed to be the registry. */
  skip_verify: z.boolean().optional(),
  /** True: nothing is pulled from it or pushed to it. */
  blocked: z.boolean().optional(),
}).refine((host) => (host.cert === undefined) === (host.key === undefined), {
  message: "cert and key go together",
});
const hostName = z.string().regex(
  /^(?:\*|\*\.[\w.-]+|[\w.-]+(?::\d{1,5})?|\[[\da-fA-F:.]+\](?::\d{1,5})?)$/,
  "want a host, for example registry.example:5000, *.example or *",
);
const Schema = z.strictObject({ host: z.record(hostName, Host).default({}) });
const KEYS = Object.keys(Host.shape).map((key) => `host.HOST.${key}`);

export interface MirrorSettings {
  /** With its port. */
  readonly host: string;
  /** Before `/v2`: empty, or with a slash at its beginning. */
  readonly path: string;
  readonly scheme?: "http" | "https";
}

/** What is set for one registry. Paths are absolute. */
export interface HostSettings {
  readonly mirrors: readonly MirrorSettings[];
  readonly http?: boolean | undefined;
  readonly ca: readonly string[];
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  /** A URL, or `none`. */
  readonly proxy?: string | undefined;
  readonly skipVerify: boolean;
  readonly blocked: boolean;
}

const NOTHING: HostSettings = { mirrors: [], ca: [], skipVerify: false, blocked: false };

/** `registries.toml`, by host. */
export class RegistriesConfig {
  readonly #hosts: ReadonlyMap<string, HostSettings>;

  /** @param path The file, for errors. It need not exist. */
  constructor(readonly path: string, hosts: ReadonlyMap<string, HostSettings> = new Map()) {
    this.#hosts = hosts;
  }

  /**
   * The settings of the most specific entry: the host with its port, then the longest `*.suffix`,
   * then `*`. Entries are not mixed.
   *
   * @param host As in a reference, `docker.io` for Docker Hub.
   */
  for(host: string): HostSettings {
    const wanted = host.toLowerCase();
    const exact = this.#hosts.get(wanted);
    if (exact) return exact;
    const name = wanted.replace(/:\d+$/, "");
    const suffix = [...this.#hosts.keys()]
      .filter((key) => key.startsWith("*.") && name.endsWith(key.slice(1)))
      .sort((a, b) => b.length - a.length)[0];
    return this.#hosts.get(suffix ?? "*") ?? NOTHING;
  }
}

/**
 * Reads `registries.toml`. One that is not there says nothing.
 *
 * @throws {CtrError} `usage` if the file is wrong, `denied` if it cannot be read.
 */
export async function readRegistries(path: string, userHome?: string): Promise<RegistriesConfig> {
  return parseRegistries(await readTomlText(path), path, userHome);
}

/** @param path What relative paths in the text are relative to the folder of. */
export function parseRegistries(text: string, path: string, userHome = ""): RegistriesConfig {
  const { host } = parseToml(text, path, Schema, ["host", ...KEYS]);
  const file = (name: string) => {
    if (name.startsWith("~/") && userHome !== "") return join(userHome, name.slice(2));
    return isAbsolute(name) ? name : join(dirname(path), name);
  };
  const hosts = new Map<string, HostSettings>();
  for (const [key, set] of Object.entries(host)) {
    hosts.set(settingsKey(key), {
      mirrors: set.mirrors ?? [],
      ca: (set.ca ?? []).map(file),
      skipVerify: set.skip_verify ?? false,
      blocked: set.blocked ?? false,
      ...(set.http !== undefined && { http: set.http }),
      ...(set.proxy !== undefined && { proxy: set.proxy }),
      ...(set.cert && set.key && { client: { cert: file(set.cert), key: file(set.key) } }),
    });
  }
  return new RegistriesConfig(path, hosts);
}

/** Docker Hub has several names; one of them counts. */
function settingsKey(host: string): string {
  const key = host.toLowerCase();
  return key === "index.docker.io" || key === "registry-1.docker.io" ? "docker.io" : key;
}
