import { z } from "zod";
import { DnsAnswer, Network, PortState, PruneNetworksReply } from "../api/mod.ts";
import { CtrError, isCtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { egress, type EgressFlags } from "./egress_flags.ts";
import { usage } from "./errors.ts";
import { filtered } from "./filters.ts";
import { printInspected } from "./inspected.ts";
import { type Format, printList } from "./list.ts";
import { networkFields, networkFilters } from "./network_fields.ts";
import { alias, mac } from "./network_flags.ts";
import { parseAnswer } from "./parse_answer.ts";
import * as settings from "./settings.ts";
import { eachTarget } from "./targets.ts";

interface CreateFlags extends EgressFlags {
  readonly subnet?: string;
  readonly subnetV6?: string;
  readonly internal?: boolean;
  readonly hostAccess: boolean;
  readonly label?: readonly string[];
  readonly option?: readonly string[];
  readonly opt?: readonly string[];
  readonly driver: string;
}

const DRIVERS: Readonly<Record<string, "user" | "bridge">> = {
  user: "user",
  default: "user",
  bridge: "bridge",
};

/** Makes a network and prints its name. */
export async function create(app: App, name: string, flags: CreateFlags): Promise<void> {
  const driver = DRIVERS[flags.driver];
  if (!driver) throw usage(`cannot use --driver "${flags.driver}": want user or bridge`);
  const { mtu, ...options } = pairs("--option", [...flags.option ?? [], ...flags.opt ?? []]);
  const unknown = Object.keys(options)[0];
  if (unknown !== undefined) throw usage(`cannot use --option "${unknown}": there is only mtu`);
  const rules = egress(flags);
  const request = {
    name,
    ...(driver === "bridge" && { driver }),
    ...(flags.subnet !== undefined && { ipv4Subnet: flags.subnet }),
    ...(flags.subnetV6 !== undefined && { ipv6Subnet: flags.subnetV6 }),
    ...(mtu !== undefined && { mtu: settings.count("--option mtu", mtu, 1280, 65_535) }),
    ...(flags.internal && { internal: true }),
    ...(!flags.hostAccess && { hostAccess: false }),
    ...(rules && { egress: rules }),
    labels: pairs("--label", flags.label),
  };
  const engine = await app.engine();
  app.stdout.line(parseAnswer(Network, await engine.post("/networks", request)).id);
}

/** Splits on the first `=` only; what has none gets an empty value. */
function pairs(flag: string, texts: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(texts.map((text) => {
    const [key = "", value = ""] = text.split(/=(.*)/s);
    if (key === "") throw usage(`cannot use ${flag} "${text}": want key=value`);
    return [key, value];
  }));
}

interface ListFlags {
  readonly quiet?: boolean;
  readonly filter?: readonly string[];
  readonly format: Format;
}

/** Lists networks, by name. */
export async function list(app: App, flags: ListFlags): Promise<void> {
  const engine = await app.engine();
  const networks = parseAnswer(z.array(Network), await engine.get("/networks"));
  await printList(app, filtered(networks, flags.filter, networkFilters()), {
    format: flags.format,
    quiet: flags.quiet,
    header: ["NETWORK", "MODE", "SUBNET", "SUBNET-V6", "CONTAINERS"],
    row: ({ id, configuration: { mode, ipv4Subnet, ipv6Subnet }, status }) => [
      id,
      mode,
      ipv4Subnet ?? "",
      ipv6Subnet ?? "",
      String(status.containers.length),
    ],
    id: ({ id }) => id,
    fields: networkFields,
  });
}

/** Prints the networks as a JSON array. Nothing is printed when one of them is missing. */
export async function inspect(
  app: App,
  names: readonly string[],
  flags: { readonly format?: Format },
): Promise<void> {
  const engine = await app.engine();
  const found: Network[] = [];
  const missing: string[] = [];
  for (const name of new Set(names)) {
    try {
      found.push(parseAnswer(Network, await engine.get(path(name))));
    } catch (error) {
      if (!isCtrError(error, "not-found")) throw error;
      missing.push(name);
    }
  }
  if (missing.length > 0) {
    const quoted = missing.map((name) => `"${name}"`).join(", ");
    throw new CtrError("not-found", `cannot inspect ${quoted}: there is no such network`, {
      hint: 'see "ctr network ls"',
    });
  }
  await printInspected(app, found, flags.format, networkFields);
}

export async function remove(
  app: App,
  names: readonly string[],
  { force = false }: { readonly force?: boolean },
): Promise<void> {
  const engine = await app.engine();
  await eachTarget(app, names, async (name) => {
    try {
      await engine.delete(path(name));
    } catch (error) {
      if (!force || !isCtrError(error, "not-found")) throw error;
    }
    app.stdout.line(name);
  });
}

export async function prune(
  app: App,
  flags: { readonly filter?: readonly string[] },
): Promise<void> {
  const engine = await app.engine();
  const answer = await engine.post("/networks/prune", { filters: flags.filter ?? [] });
  for (const name of parseAnswer(PruneNetworksReply, answer).removed) app.stdout.line(name);
}

interface ConnectFlags {
  readonly alias?: readonly string[];
  readonly ip?: string;
  readonly ip6?: string;
  readonly mac?: string;
  readonly mtu?: string;
}

export async function connect(
  app: App,
  network: string,
  container: string,
  flags: ConnectFlags,
): Promise<void> {
  const request = {
    container,
    ...(flags.alias && { aliases: flags.alias.map(alias) }),
    ...(flags.ip !== undefined && { ip: settings.addresses("--ip", [flags.ip])[0] }),
    ...(flags.ip6 !== undefined && { ip6: settings.addresses("--ip6", [flags.ip6])[0] }),
    ...(flags.mac !== undefined && { mac: mac("--mac", flags.mac) }),
    ...(flags.mtu !== undefined && { mtu: settings.count("--mtu", flags.mtu, 1280, 65_535) }),
  };
  const engine = await app.engine();
  await engine.post(`${path(network)}/connect`, request);
}

export async function disconnect(app: App, network: string, container: string): Promise<void> {
  const engine = await app.engine();
  await engine.post(`${path(network)}/disconnect`, { container });
}

/** Prints `80/tcp -> 127.0.0.1:8080`, or for one port the addresses alone. */
export async function port(app: App, container: string, wanted?: string): Promise<void> {
  const [, number, protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp))?$/.exec(wanted ?? "") ?? [];
  if (wanted !== undefined && number === undefined) {
    throw usage(`cannot look up the port "${wanted}": want a number, with /tcp or /udp behind it`);
  }
  const engine = await app.engine();
  const answer = await engine.get(`/containers/${encodeURIComponent(container)}/ports`);
  const ports = parseAnswer(z.array(PortState), answer).filter((each) =>
    wanted === undefined || (each.containerPort === Number(number) && each.protocol === protocol)
  );
  if (wanted !== undefined && ports.length === 0) {
    throw new CtrError(
      "not-found",
      `cannot find a port of "${container}": ${number}/${protocol} is not published`,
      { hint: `see all of them with: ctr port ${container}` },
    );
  }
  const silent = new Set<string>();
  for (const { containerPort, protocol, hostAddress, hostPort, listening } of ports) {
    const of = `${containerPort}/${protocol}`;
    const at = `${hostAddress.includes(":") ? `[${hostAddress}]` : hostAddress}:${hostPort}`;
    app.stdout.line(wanted === undefined ? `${of} -> ${at}` : at);
    if (!listening) silent.add(of);
  }
  for (const of of silent) app.stderr.line(`note: nobody in "${container}" listens at ${of}`);
}

/** Prints the addresses of a name, one a line. */
export async function query(
  app: App,
  name: string,
  { network }: { readonly network?: string },
): Promise<void> {
  const engine = await app.engine();
  const query = new URLSearchParams({ name, ...(network !== undefined && { network }) });
  const { answers } = parseAnswer(DnsAnswer, await engine.get(`/dns?${query}`));
  if (answers.length === 0) {
    const where = network === undefined ? "" : ` in network "${network}"`;
    throw new CtrError("not-found", `cannot find "${name}": no container that runs has it${where}`);
  }
  for (const address of new Set(answers.flatMap(({ addresses }) => addresses))) {
    app.stdout.line(address);
  }
}

function path(name: string): string {
  return `/networks/${encodeURIComponent(name)}`;
}
