import { z } from "zod";
import { Container } from "../api/mod.ts";
import { formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { containerFields, portsText } from "./container_fields.ts";
import { containerFilters, LOOKS_AT_ALL } from "./container_filters.ts";
import { familiarReference } from "./familiar.ts";
import { filtered, readFilters } from "./filters.ts";
import { type Format, printList } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";
import { count } from "./settings.ts";

interface ListFlags {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly trunc: boolean;
  readonly size?: boolean;
  readonly last?: string;
  readonly latest?: boolean;
  readonly filter?: readonly string[];
  readonly format: Format;
}

const HEADER = "ID NAME IMAGE OS ARCH STATE HEALTH IP PORTS CPUS MEMORY STARTED".split(" ");

/** Lists containers. */
export async function list(app: App, flags: ListFlags): Promise<void> {
  const keys = readFilters(flags.filter, Object.keys(containerFilters([])));
  const last = flags.latest
    ? 1
    : flags.last === undefined
    ? undefined
    : count("--last", flags.last, -1, 1_000_000);
  const all = flags.all || (last ?? -1) > 0 || LOOKS_AT_ALL.some((key) => keys.has(key));
  const engine = await app.engine();
  const query = [...all ? ["all=1"] : [], ...flags.size ? ["size=1"] : []].join("&");
  const answer = await engine.get(`/containers${query && `?${query}`}`);
  const containers = parseAnswer(z.array(Container), answer);
  const fitting = filtered(containers, flags.filter, containerFilters(containers));
  const shown = (id: string) => flags.trunc ? id.slice(0, 12) : id;
  const nowMs = Date.now();
  await printList(app, last !== undefined && last > 0 ? newest(fitting, last) : fitting, {
    format: flags.format,
    quiet: flags.quiet,
    header: flags.size ? [...HEADER, "SIZE"] : HEADER,
    row: (each) => [
      ...row(each, shown(each.id)),
      ...flags.size ? [formatSize(each.status.upperBytes ?? 0)] : [],
    ],
    id: (each) => shown(each.id),
    fields: (each) => containerFields(each, shown(each.id), nowMs),
  });
}

/** The last created ones, the newest first. */
function newest(containers: readonly Container[], most: number): Container[] {
  const created = (each: Container) => Date.parse(each.configuration.creationDate);
  return containers.toSorted((a, b) => created(b) - created(a)).slice(0, most);
}

/** Both addresses of `localhost` and all of the host are one word each. */
function shortPorts(ports: Container["status"]["publishedPorts"]): string {
  const pairs: Readonly<Record<string, string>> = { "::1": "127.0.0.1", "::": "0.0.0.0" };
  const has = (address: string, { hostPort, containerPort, protocol }: (typeof ports)[number]) =>
    ports.some((each) =>
      each.hostAddress === address && each.hostPort === hostPort &&
      each.containerPort === containerPort && each.protocol === protocol
    );
  return ports.filter((port) => {
    const pair = pairs[port.hostAddress];
    return pair === undefined || !has(pair, port);
  }).map((port) => {
    const both = port.hostAddress === "127.0.0.1" && has("::1", port);
    return portsText([both ? { ...port, hostAddress: "localhost" } : port]);
  }).join(", ");
}

function row({ name, configuration, status }: Container, id: string): string[] {
  const { image, platform, resources } = configuration;
  const alive = ["running", "paused", "stopping"].includes(status.state);
  return [
    id,
    name,
    familiarReference(image.reference),
    platform.os,
    platform.architecture,
    status.state,
    status.health?.state ?? "",
    status.networks.map(({ ipv4Address, ipv6Address }) =>
      (ipv4Address ?? ipv6Address ?? "").replace(/\/.*/, "")
    ).join(","),
    shortPorts(status.publishedPorts),
    String(resources.cpus),
    `${Math.round(resources.memoryInBytes / 1048576)} MB`,
    alive ? status.startedAt ?? "" : "",
  ];
}
