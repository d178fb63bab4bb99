import type { Container } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { usage } from "./errors.ts";
import { familiarReference, splitReference } from "./familiar.ts";
import { type Filters, hasLabel, oneOf } from "./filters.ts";

const STATES = ["created", "starting", "running", "paused", "stopping", "restarting", "exited"];
const HEALTH = ["starting", "healthy", "unhealthy", "none"];

/** Keys that ask for containers that do not run: with them all are looked at. */
export const LOOKS_AT_ALL = ["status", "exited", "before", "since"];

/** What `ctr ls --filter` knows. */
export function containerFilters(all: readonly Container[]): Filters<Container> {
  return {
    id: (each, value) => each.id.startsWith(value.toLowerCase()),
    name: (each, value) => pattern(value).test(each.name),
    label: (each, value) => hasLabel(each.configuration.labels, value),
    status: (each, value) => each.status.state === oneOf("status", value, STATES),
    exited: (each, value) =>
      each.status.state === "exited" && each.status.exit?.status === status(value),
    health: (each, value) =>
      (each.status.health?.state ?? "none") === oneOf("health", value, HEALTH),
    ancestor: (each, value) => isOfImage(each, value),
    before: (each, value) => createdAt(each) < createdAt(named(all, value, "before")),
    since: (each, value) => createdAt(each) > createdAt(named(all, value, "since")),
    volume: (each, value) =>
      each.configuration.mounts.some(({ name, source, destination }) =>
        [name, source, destination].includes(value)
      ),
    network: (each, value) => each.configuration.networks.includes(value),
    publish: (each, value) =>
      each.configuration.publishedPorts.some(({ containerPort, hostPort, protocol }) =>
        isPort(value, protocol, [containerPort, hostPort])
      ),
    expose: (each, value) =>
      each.configuration.exposedPorts.some(({ port, protocol }) => isPort(value, protocol, [port])),
  };
}

/** Docker reads a regular expression; a plain word is one that may stand anywhere. */
function pattern(text: string): RegExp {
  try {
    return new RegExp(text.replace(/^\//, ""));
  } catch {
    throw usage(`cannot use --filter "name=${text}": it is no regular expression`);
  }
}

function status(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw usage(`cannot use --filter "exited=${text}": want an exit status`);
}

function isOfImage({ configuration: { image } }: Container, wanted: string): boolean {
  const familiar = familiarReference(wanted);
  const reference = familiarReference(image.reference);
  const hex = wanted.replace(/^sha256:/, "");
  const digest = image.digest.replace(/^sha256:/, "");
  return reference === familiar || reference === `${familiar}:latest` ||
    splitReference(reference).name === familiar || (/^[0-9a-f]{6,64}$/.test(hex) &&
      digest.startsWith(hex));
}

function named(all: readonly Container[], reference: string, key: string): Container {
  const found = all.find(({ name }) => name === reference) ??
    all.find(({ id }) => id.startsWith(reference));
  if (found) return found;
  throw new CtrError(
    "not-found",
    `cannot use --filter "${key}=${reference}": there is no such container`,
  );
}

function createdAt({ configuration }: Container): number {
  return Date.parse(configuration.creationDate);
}

/** `80`, `80/udp`, `80-90`. */
function isPort(wanted: string, protocol: string, ports: readonly number[]): boolean {
  const [, first, last = first, of = "tcp"] = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp))?$/.exec(wanted) ??
    [];
  if (first === undefined) {
    throw usage(`cannot filter by the port "${wanted}": want port[-port][/tcp|/udp]`);
  }
  return of === protocol && ports.some((port) => port >= Number(first) && port <= Number(last));
}
