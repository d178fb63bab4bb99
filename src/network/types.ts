/** A network of a home, as it was made. */
export interface NetworkConfig {
  readonly name: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /**
   * `user`: a switch and a gateway in a process of their own, by the host's sockets. `bridge`: a bridge of
   * the kernel, and that process beside it.
   */
  readonly driver: "user" | "bridge";
  /** CIDR; one of the two may be missing. */
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly mtu: number;
  /** It leads nowhere: not to the world, not to the host. */
  readonly internal: boolean;
  /** Guests reach the host's loopback by `host.ctr.internal`. */
  readonly hostAccess: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly egress?: Egress | undefined;
}

/** Where guests may connect to. */
export interface Egress {
  readonly default: "allow" | "deny";
  /** Exceptions to `deny`: a name (`a.test`, `*.a.test`) or a range, and a port or 0 for all. */
  readonly allow: readonly {
    readonly name?: string | undefined;
    readonly range?: string | undefined;
    readonly port: number;
  }[];
}

/** What a container asks of a network. */
export interface EndpointRequest {
  readonly network: string;
  readonly container: { readonly id: string; readonly name: string };
  readonly ip?: string | undefined;
  readonly ip6?: string | undefined;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  readonly aliases?: readonly string[] | undefined;
  readonly egress?: Egress | undefined;
}

/** A container's place in a network. */
export interface Endpoint {
  readonly network: string;
  readonly mac: string;
  /** CIDR. */
  readonly addresses: readonly string[];
  readonly gateway4?: string | undefined;
  readonly gateway6?: string | undefined;
  readonly nameservers: readonly string[];
  readonly mtu: number;
  /** By which peers find it, its own name first. */
  readonly names: readonly string[];
  /** By which it reaches the host's loopback. */
  readonly host: readonly string[];
  /** The interface of the host that its monitor makes, where the network is a bridge. */
  readonly tap?: string | undefined;
}

/** A container's VM at its place. */
export interface PluggedGuest {
  /** The container's. */
  readonly id: string;
  /** That its monitor listens at. */
  readonly socket: string;
  readonly datagram?: boolean;
  readonly egress?: Egress | undefined;
  /** False keeps it from this host where its network does not. */
  readonly hostAccess?: boolean;
}

/** A published port, and where it really is. */
export interface PublishedAt {
  readonly id: string;
  readonly network: string;
  readonly protocol: "tcp" | "udp";
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** A port of the host that leads to one of a container. */
export interface PublishedPort {
  readonly protocol: "tcp" | "udp";
  readonly hostAddress: string;
  /** 0: any that is free. */
  readonly hostPort: number;
  readonly containerPort: number;
  readonly proxyProtocol?: boolean | undefined;
}
