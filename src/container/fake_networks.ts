import { CtrError } from "../core/mod.ts";
import type {
  Endpoint,
  EndpointRequest,
  NetworkConfig,
  PluggedGuest,
  PublishedAt,
  PublishedPort,
} from "../network/mod.ts";
import type { NetworkStore } from "./networking/join.ts";

/** Networks without processes: places are counted. */
export class FakeNetworks implements NetworkStore {
  readonly endpoints = new Map<string, Endpoint[]>();
  readonly published: PublishedAt[] = [];
  readonly known = new Set(["default", "back"]);
  /** Another program has this port of the host. */
  taken: number | undefined;
  /** Nobody listens there. */
  silent = 81;
  #next = 2;

  get(name: string): NetworkConfig {
    if (!this.known.has(name)) throw new CtrError("not-found", `cannot find network "${name}"`);
    return { name } as NetworkConfig;
  }

  attach(request: EndpointRequest): Promise<Endpoint> {
    const { network, container, mac } = request;
    this.get(network);
    const place = this.#next++;
    const endpoint: Endpoint = {
      network,
      mac: mac ?? `02:00:00:00:00:${place.toString(16).padStart(2, "0")}`,
      addresses: [`10.9.0.${place}/24`],
      gateway4: "10.9.0.1",
      nameservers: ["10.9.0.1"],
      mtu: 1500,
      names: [container.name],
      host: ["10.9.0.254"],
    };
    this.endpoints.set(container.id, [...this.endpoints.get(container.id) ?? [], endpoint]);
    return Promise.resolve(endpoint);
  }

  plug(_endpoint: Endpoint, _guest: PluggedGuest): Promise<void> {
    return Promise.resolve();
  }

  publish({ network }: Endpoint, containerId: string, port: PublishedPort) {
    const { protocol, hostAddress, containerPort } = port;
    if (port.hostPort === this.taken) {
      return Promise.reject(new CtrError("conflict", "cannot publish: the port is taken"));
    }
    const hostPort = port.hostPort || 40_000 + this.published.length;
    const id = `${containerId}/${hostAddress}:${hostPort}/${containerPort}/${protocol}`;
    this.published.push({ id, network, protocol, hostAddress, hostPort, containerPort });
    return Promise.resolve({ id, hostPort });
  }

  unpublish(_endpoint: Endpoint, id: string): Promise<void> {
    const at = this.published.findIndex((each) => each.id === id);
    if (at >= 0) this.published.splice(at, 1);
    return Promise.resolve();
  }

  async release(containerId: string): Promise<void> {
    this.endpoints.delete(containerId);
    for (const { id } of this.publishedOf(containerId)) {
      await this.unpublish({} as Endpoint, id);
    }
  }

  rename(): Promise<void> {
    return Promise.resolve();
  }

  async rejoin(request: EndpointRequest) {
    return { endpoint: await this.attach(request), known: false };
  }

  endpointsOf(containerId: string): Endpoint[] {
    return this.endpoints.get(containerId) ?? [];
  }

  publishedOf(containerId: string): PublishedAt[] {
    return this.published.filter(({ id }) => id.startsWith(`${containerId}/`));
  }

  listening({ containerPort }: PublishedAt): Promise<boolean> {
    return Promise.resolve(containerPort !== this.silent);
  }

  publishAddresses(asked: string | undefined): readonly string[] {
    return asked === undefined ? ["127.0.0.1", "::1"] : [asked];
  }

  searchDomains(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }
}
