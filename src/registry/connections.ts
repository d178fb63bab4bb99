import { type HostSettings, RegistriesConfig } from "../config/mod.ts";
import { CtrError } from "../core/mod.ts";
import { type Environment, registryEnvironment } from "../api/mod.ts";
import { environmentProxy, parseProxy, type ProxySettings } from "./proxy.ts";
import { referenceHost } from "./scheme.ts";
import { authorityPlace, hostTrust, machineTrust, type Trust } from "./trust.ts";
import { unverifiedFetch } from "./unverified.ts";

/** Clients keep connections and parsed certificates; so many sets of settings are in use at once. */
const MAX_CLIENTS = 64;

/** How a server is reached. */
export interface Route {
  readonly proxy?: ProxySettings | undefined;
  readonly trust: Trust;
  readonly skipVerify: boolean;
}

type Fetch = (input: string, init: RequestInit) => Promise<Response>;

/** Reaches servers as one caller's environment and the user's `registries.toml` say. */
export class Connections {
  #machine: Promise<Trust> | undefined;
  #routes = new Map<string, Promise<Route>>();

  constructor(
    readonly environment: Environment = registryEnvironment(),
    readonly config: RegistriesConfig = new RegistriesConfig("registries.toml"),
  ) {}

  /** @param host As in a reference or a URL: all names of Docker Hub mean `docker.io`. */
  settings(host: string): HostSettings {
    return this.config.for(referenceHost(host));
  }

  /** Where the certificate of a host's authority would be put. */
  authorityPlace(host: string): string {
    return authorityPlace(host, this.environment);
  }

  /**
   * @param registry The host of the reference. Token servers and storage, which are elsewhere, are
   * reached by its proxy and may be certified by its authority; its client certificate and
   * `skip_verify` are for itself alone.
   * @throws {CtrError} `usage` if what is set cannot be used.
   */
  route(url: URL, registry: string): Promise<Route> {
    const key = `${url.origin} ${registry}`;
    let route = this.#routes.get(key);
    if (!route) {
      if (this.#routes.size > 256) this.#routes.clear(); // a registry may redirect to many
      this.#routes.set(key, route = this.#route(url, registry));
    }
    return route;
  }

  async #route(url: URL, registry: string): Promise<Route> {
    const host = referenceHost(url.host);
    const own = this.settings(host);
    const main = this.settings(registry);
    const set = own.proxy ?? main.proxy;
    const proxy = set === "none"
      ? undefined
      : set === undefined
      ? environmentProxy(url, this.environment)
      : parseProxy(set, `proxy of "${this.config.path}"`);
    const skipVerify = own.skipVerify && url.protocol === "https:";
    if (skipVerify && proxy) {
      throw new CtrError(
        "usage",
        `cannot reach ${host}: skip_verify does not go with the proxy ${proxy.shown}`,
        { hint: `set proxy = "none" for it, or name its authority with ca` },
      );
    }
    if (url.protocol !== "https:") {
      return { proxy, skipVerify: false, trust: { authorities: [], files: [] } };
    }
    const machine = await (this.#machine ??= machineTrust(this.environment));
    const trust = await hostTrust(host, own, this.environment);
    const registrys = host === registry
      ? { authorities: [], files: [] }
      : await hostTrust(registry, main, this.environment);
    return {
      proxy,
      skipVerify,
      trust: {
        authorities: [...machine.authorities, ...registrys.authorities, ...trust.authorities],
        files: [...machine.files, ...registrys.files, ...trust.files],
        ...(trust.client && { client: trust.client }),
      },
    };
  }

  /** `fetch` by the route to `url`. */
  async fetch(url: string, init: RequestInit, registry: string): Promise<Response> {
    const route = await this.route(new URL(url), registry);
    return await fetcher(route)(url, init);
  }
}

const clients = new Map<string, Deno.HttpClient>();
const fetchers = new WeakMap<Route, Fetch>();

function fetcher(route: Route): Fetch {
  let found = fetchers.get(route);
  if (!found) fetchers.set(route, found = newFetcher(route));
  return found;
}

function newFetcher({ proxy, trust, skipVerify }: Route): Fetch {
  if (skipVerify) return unverifiedFetch(trust);
  const key = JSON.stringify([proxy, trust.authorities, trust.client]);
  let client = clients.get(key);
  clients.delete(key);
  client ??= Deno.createHttpClient({
    caCerts: [...trust.authorities],
    ...(proxy && {
      proxy: {
        transport: proxy.transport,
        url: proxy.url,
        ...(proxy.login && { basicAuth: proxy.login }),
      },
    }),
    ...trust.client,
  });
  clients.set(key, client); // the last one used is the last one in the map
  const [oldest] = clients.keys();
  if (clients.size > MAX_CLIENTS && oldest !== undefined) {
    clients.get(oldest)!.close();
    clients.delete(oldest);
  }
  const chosen = client;
  return (url, init) => fetch(url, { ...init, client: chosen } as RequestInit);
}
