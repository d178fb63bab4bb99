import type { CreateRequest, ExposedPort, PortSpec } from "../../api/mod.ts";
import { CtrError } from "../../core/mod.ts";
import { checkEgress } from "../../network/mod.ts";
import { DEFAULT_ATTACHMENT } from "../stored_config.ts";
import type { ContainerConfig } from "../types.ts";

type NetworkConfig = Pick<
  ContainerConfig,
  "networks" | "ports" | "exposedPorts" | "proxyProtocol" | "egress" | "hostAccess"
>;

/** Tools that know Docker ask for this one. */
const ALIASES: Readonly<Record<string, string>> = { bridge: "default" };

/**
 * The networks and ports of a new container.
 *
 * @param exposed By the image, as `80/tcp`; what cannot be read in it is left out.
 * @throws {CtrError} `usage` for what excludes each other.
 */
export function mergeNetwork(
  name: string,
  request: CreateRequest,
  exposed: readonly string[] = [],
): NetworkConfig {
  const networks = (request.networks ?? [DEFAULT_ATTACHMENT])
    .map((each) => ({ ...each, name: ALIASES[each.name] ?? each.name }));
  const refuse = (fact: string) => new CtrError("usage", `cannot create "${name}": ${fact}`);
  const twice = networks.find((each, at) => networks.findIndex((o) => o.name === each.name) < at);
  if (twice) throw refuse(`network "${twice.name}" is given twice`);
  if (request.egress) checkEgress(request.egress);
  const exposedPorts = unique([...imagePorts(exposed), ...request.exposedPorts]);
  const all = request.publishAll ? published(exposedPorts, request.ports) : [];
  const ports = [...request.ports, ...all];
  if (ports.length > 0 && networks.length === 0) {
    throw refuse("it has no network, so no port of it can be published");
  }
  return {
    networks,
    ports,
    exposedPorts,
    proxyProtocol: request.proxyProtocol,
    ...(request.egress && { egress: request.egress }),
    hostAccess: request.hostAccess,
  };
}

function imagePorts(exposed: readonly string[]): ExposedPort[] {
  return exposed.flatMap((text) => {
    const [, port, protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
    const number = Number(port);
    if (!(number >= 1 && number <= 65_535)) return [];
    return [{ port: number, protocol: protocol as "tcp" | "udp" }];
  });
}

function unique(ports: readonly ExposedPort[]): ExposedPort[] {
  return [...new Map(ports.map((each) => [`${each.port}/${each.protocol}`, each])).values()];
}

/** Those that are not published anyway. */
function published(exposed: readonly ExposedPort[], given: readonly PortSpec[]): PortSpec[] {
  return exposed.filter(({ port, protocol }) =>
    !given.some((each) => each.containerPort === port && each.protocol === protocol)
  ).map(({ port, protocol }) => ({ protocol, hostPort: 0, containerPort: port }));
}
