import type { CreateRequestInput } from "../api/mod.ts";
import { usage } from "./errors.ts";

type Port = NonNullable<CreateRequestInput["ports"]>[number];
type Exposed = NonNullable<CreateRequestInput["exposedPorts"]>[number];

const MOST = 4096;
const FORM = "want [address:][host-port:]container-port[/tcp|/udp], for example 8080:80";

/** One entry for each port of a range; of a range for one port of the container the first that is free. */
export function published(text: string): Port[] {
  const bad = (fact: string) => usage(`cannot use --publish "${text}": ${fact}`);
  const match =
    /^(?:(?:\[([0-9a-f:.]+)\]|([^:[\]]*)):)??(?:(\d+(?:-\d+)?)?:)?(\d+(?:-\d+)?)(?:\/(tcp|udp))?$/i
      .exec(
        text,
      );
  if (!match) throw bad(FORM);
  const [, six, four, hostText, containerText, protocolText = "tcp"] = match;
  const hostAddress = address(six ?? four, bad);
  const container = range(containerText!, bad);
  const host = hostText === undefined || hostText === "0" ? undefined : range(hostText, bad);
  const choice = host !== undefined && host.count > 1 && container.count === 1;
  if (host && host.count !== container.count && !choice) {
    throw bad(`${host.count} ports of the host for ${container.count} of the container`);
  }
  if (container.first < 1 || (host && host.first < 1)) throw bad("a port is 1 to 65535");
  const protocol = protocolText.toLowerCase() as "tcp" | "udp";
  return Array.from({ length: container.count }, (_, at) => ({
    protocol,
    ...(hostAddress !== undefined && { hostAddress }),
    hostPort: host ? host.first + at : 0,
    ...(choice && { lastHostPort: host.first + host.count - 1 }),
    containerPort: container.first + at,
  }));
}

/** An empty one is none. */
function address(text: string | undefined, bad: (fact: string) => Error): string | undefined {
  if (text === undefined || text === "") return undefined;
  if (text === "localhost") return text;
  const four = /^\d{1,3}(\.\d{1,3}){3}$/.test(text) &&
    text.split(".").every((part) => Number(part) <= 255);
  const six = text.includes(":") && URL.canParse(`http://[${text}]/`);
  if (four || six) return six ? new URL(`http://[${text}]/`).hostname.slice(1, -1) : text;
  throw bad(`"${text}" is no address of this host`);
}

function range(text: string, bad: (fact: string) => Error) {
  const [first, last = first] = text.split("-").map(Number) as [number, number?];
  if (first > 65_535 || last > 65_535) throw bad("a port is 1 to 65535");
  if (last < first) throw bad("a range begins with its lower port");
  if (last - first >= MOST) throw bad(`at most ${MOST} ports`);
  return { first, count: last - first + 1 };
}

/** `--expose`: `port[-port][/tcp|/udp]`. */
export function exposed(text: string): Exposed[] {
  const bad = (fact: string) => usage(`cannot use --expose "${text}": ${fact}`);
  const match = /^(\d+(?:-\d+)?)(?:\/(tcp|udp))?$/i.exec(text);
  if (!match) throw bad("want port[-port][/tcp|/udp]");
  const { first, count } = range(match[1]!, bad);
  if (first < 1) throw bad("a port is 1 to 65535");
  const protocol = (match[2] ?? "tcp").toLowerCase() as "tcp" | "udp";
  return Array.from({ length: count }, (_, at) => ({ port: first + at, protocol }));
}
