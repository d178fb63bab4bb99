import { X509Certificate } from "node:crypto";
import { dirname, join } from "node:path";
import { getCACertificates } from "node:tls";
import type { HostSettings } from "../config/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { Environment } from "../api/mod.ts";

/** A bundle of all public authorities has 250 KiB. */
const MAX_PEM_BYTES = 4 * 1024 * 1024;
const MAX_FILES = 512;
const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** What a server has to show, and what it is shown. */
export interface Trust {
  /** PEM, beside the public authorities that are built in. */
  readonly authorities: readonly string[];
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  /** Files that were read for this host, for `registry check`. */
  readonly files: readonly string[];
}

let system: string[] | undefined;

/** What the whole machine trusts: `SSL_CERT_FILE`, `SSL_CERT_DIR`, else the system's own store. */
export async function machineTrust(environment: Environment): Promise<Trust> {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR } = environment;
  const folders = (SSL_CERT_DIR ?? "").split(":").filter(Boolean);
  if (!file && folders.length === 0) {
    return { authorities: system ??= systemAuthorities(), files: [] };
  }
  const found = new Set(file ? await readAuthorities(file, "SSL_CERT_FILE") : []);
  for (const folder of folders) {
    for (const name of await namesIn(folder)) {
      // Such a folder holds keys and lists as well.
      const held = await readAuthorities(join(folder, name), "SSL_CERT_DIR").catch(() => []);
      for (const authority of held) found.add(authority);
    }
  }
  return { authorities: [...found], files: [...(file ? [file] : []), ...folders] };
}

/** A system without a store of its own is no failure: the public authorities are built in. */
function systemAuthorities(): string[] {
  try {
    return getCACertificates("system");
  } catch {
    return [];
  }
}

/**
 * What is set for one registry: `registries.toml`, then the folders `certs.d/HOST` of Docker and
 * Podman, where `*.crt` is an authority and `NAME.cert` with `NAME.key` the client's certificate.
 *
 * @throws {CtrError} `usage` naming a file that cannot be used.
 */
export async function hostTrust(
  host: string,
  settings: Pick<HostSettings, "ca" | "client">,
  environment: Environment,
): Promise<Trust> {
  const files: string[] = [];
  const authorities: string[] = [];
  for (const path of settings.ca) {
    authorities.push(...await readAuthorities(path, "registries.toml"));
    files.push(path);
  }
  let pair = settings.client;
  for (const folder of certificateFolders(environment)) {
    const names = await namesIn(join(folder, host));
    for (const name of names.filter((name) => name.endsWith(".crt"))) {
      const path = join(folder, host, name);
      authorities.push(...await readAuthorities(path, folder));
      files.push(path);
    }
    const cert = names.find((name) => name.endsWith(".cert"));
    if (cert === undefined || pair) continue;
    const key = `${cert.slice(0, -".cert".length)}.key`;
    pair = { cert: join(folder, host, cert), key: join(folder, host, key) };
  }
  const client = pair && {
    cert: await readPem(pair.cert, "the client's certificate"),
    key: await readPem(pair.key, "the client's key"),
  };
  if (pair) files.push(pair.cert, pair.key);
  return { authorities, files, ...(client && { client }) };
}

/** Where certificates are looked for. All that is found counts. */
export function certificateFolders(environment: Environment): string[] {
  const { HOME, XDG_CONFIG_HOME } = environment;
  const config = XDG_CONFIG_HOME?.startsWith("/") ? XDG_CONFIG_HOME : HOME && join(HOME, ".config");
  return [
    ...(config ? [join(config, "docker/certs.d")] : []),
    ...(HOME ? [join(HOME, ".docker/certs.d")] : []),
    "/etc/docker/certs.d",
    "/etc/containers/certs.d",
  ];
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (!isDirectory) names.push(name);
      if (names.length >= MAX_FILES) break;
    }
  } catch (error) {
    if (!isMissing(error)) throw unusable(folder, "certificates", error);
  }
  return names.sort();
}

/** Each certificate is parsed here: the HTTP client does not say which one it cannot read. */
async function readAuthorities(path: string, source: string): Promise<string[]> {
  const blocks = (await readPem(path, source)).match(BLOCK) ?? [];
  const bad = new CtrError("usage", `cannot use "${path}" (${source}): it holds no certificate`, {
    hint: "want PEM: -----BEGIN CERTIFICATE-----",
  });
  if (blocks.length === 0) throw bad;
  // Bundles of the whole machine may hold one that is too old to be read; a single one may not.
  const sound = blocks.filter(isSound);
  if (sound.length === 0) throw bad;
  return sound;
}

function isSound(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

async function readPem(path: string, source: string): Promise<string> {
  try {
    const { size } = await Deno.stat(path);
    if (size > MAX_PEM_BYTES) throw new Error("it is too large");
    return await Deno.readTextFile(path);
  } catch (error) {
    throw unusable(path, source, error);
  }
}

function unusable(path: string, source: string, error: unknown): CtrError {
  const fact = isMissing(error)
    ? "there is no such file"
    : error instanceof Deno.errors.PermissionDenied
    ? "no permission"
    : (error as Error).message;
  return new CtrError("usage", `cannot use "${path}" (${source}): ${fact}`, { cause: error });
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

/** Where a user would put the certificate of a private authority. */
export function authorityPlace(host: string, environment: Environment): string {
  const [folder = "/etc/docker/certs.d"] = certificateFolders(environment);
  const path = join(folder, host, "ca.crt");
  const { HOME } = environment;
  return HOME && dirname(path).startsWith(`${HOME}/`) ? `~${path.slice(HOME.length)}` : path;
}
