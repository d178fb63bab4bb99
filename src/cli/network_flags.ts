import type { CreateRequestInput } from "../api/mod.ts";
import { egress, type EgressFlags } from "./egress_flags.ts";
import { usage } from "./errors.ts";
import { exposed, published } from "./port_flags.ts";
import * as settings from "./settings.ts";

export interface NetworkFlags extends EgressFlags {
  readonly network?: readonly string[];
  readonly networkAlias?: readonly string[];
  readonly ip?: string;
  readonly ip6?: string;
  readonly mac?: string;
  readonly publish?: readonly string[];
  readonly publishAll?: boolean;
  readonly expose?: readonly string[];
  readonly proxyProtocol?: boolean;
  readonly hostAccess?: boolean;
  readonly linkLocal?: string;
  readonly dns?: readonly string[];
  readonly dnsDomain?: string;
  readonly dnsSearch?: readonly string[];
  readonly dnsOption?: readonly string[];
  readonly dnsOpt?: readonly string[];
  readonly noDns?: boolean;
  readonly noHostAccess?: boolean;
  readonly addHost?: readonly string[];
}

type Attachment = NonNullable<CreateRequestInput["networks"]>[number];

const MOST_MTU = 65_535;
const LEAST_MTU = 1280;

/** What `run` and `create` say of networks, names and ports. */
export function networkRequest(flags: NetworkFlags): Partial<CreateRequestInput> {
  if (flags.linkLocal !== undefined && flags.linkLocal !== "none") {
    throw usage(`cannot use --link-local "${flags.linkLocal}": want none`);
  }
  const networks = attachments(flags);
  const ports = (flags.publish ?? []).flatMap(published);
  const addHosts = settings.hosts(flags.addHost ?? []);
  const exposedPorts = (flags.expose ?? []).flatMap(exposed);
  const rules = egress(flags);
  return {
    ...(networks && { networks }),
    ...(ports.length > 0 && { ports }),
    ...(flags.publishAll && { publishAll: true }),
    ...(exposedPorts.length > 0 && { exposedPorts }),
    ...(flags.proxyProtocol && { proxyProtocol: true }),
    ...(rules && { egress: rules }),
    ...(flags.noHostAccess && { hostAccess: false }),
    ...(flags.linkLocal === "none" && { linkLocal: false }),
    ...dns(flags),
    ...(addHosts.length > 0 && { addHosts }),
  };
}

function attachments(flags: NetworkFlags): Attachment[] | undefined {
  const given = (flags.network ?? []).map(attachment);
  const own = {
    ...(flags.ip !== undefined && { ip: settings.addresses("--ip", [flags.ip])[0]! }),
    ...(flags.ip6 !== undefined && { ip6: settings.addresses("--ip6", [flags.ip6])[0]! }),
    ...(flags.mac !== undefined && { mac: mac("--mac-address", flags.mac) }),
    ...(flags.networkAlias && { aliases: flags.networkAlias.map((name) => alias(name)) }),
  };
  const asked = Object.keys(own).length > 0;
  if (given.some(({ name }) => name === "none")) {
    if (given.length > 1) throw usage('cannot use --network "none" together with another network');
    if (asked) throw usage('cannot use --network "none" together with an address or an alias');
    return [];
  }
  if (given.length === 0) return asked ? [{ name: "default", ...own }] : undefined;
  const [first, ...others] = given;
  return [
    { ...first!, ...own, aliases: [...first!.aliases ?? [], ...own.aliases ?? []] },
    ...others,
  ];
}

/** `name[,alias=…,ip=…,ip6=…,mac=…,mtu=…]`. */
export function attachment(text: string): Attachment {
  const [name = "", ...pairs] = text.split(",");
  const bad = (fact: string) => usage(`cannot use --network "${text}": ${fact}`);
  if (name === "host") {
    throw bad("a container's VM has a network of its own; reach the host by host.docker.internal");
  }
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(name)) throw bad("want a name in front");
  const found: { -readonly [K in keyof Attachment]: Attachment[K] } = { name };
  for (const pair of pairs) {
    const [key, value = ""] = pair.split(/=(.*)/s);
    switch (key) {
      case "alias":
        found.aliases = [...found.aliases ?? [], alias(value)];
        break;
      case "ip":
      case "ip6":
        found[key] = settings.addresses("--network", [value])[0]!;
        break;
      case "mac":
        found.mac = mac("--network", value);
        break;
      case "mtu":
        found.mtu = settings.count("--network mtu", value, LEAST_MTU, MOST_MTU);
        break;
      default:
        throw bad(`there is no option "${key}", want alias, ip, ip6, mac or mtu`);
    }
  }
  return found;
}

/** Any that a name server can be asked for. */
export function alias(name: string): string {
  if (/^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_])?$/i.test(name)) return name;
  throw usage(`cannot use the alias "${name}": want letters, digits, dots and dashes`);
}

export function mac(flag: string, text: string): string {
  const bytes = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text);
  if (!bytes) throw usage(`cannot use ${flag} "${text}": want a MAC such as 02:42:ac:11:00:02`);
  if ((Number.parseInt(text, 16) & 1) === 0) return text.toLowerCase();
  throw usage(`cannot use ${flag} "${text}": it is the address of a group`);
}

function dns(flags: NetworkFlags): Pick<CreateRequestInput, "dns"> {
  const dns = {
    nameservers: settings.addresses("--dns", flags.dns ?? []),
    search: [...flags.dnsSearch ?? []],
    options: [...flags.dnsOption ?? [], ...flags.dnsOpt ?? []],
    ...(flags.dnsDomain !== undefined && { domain: flags.dnsDomain }),
  };
  const asked = Object.values(dns).some((value) => value.length > 0);
  if (flags.noDns && asked) throw usage('cannot use "--no-dns" together with other --dns flags');
  if (flags.noDns) return { dns: { keep: true } };
  return asked ? { dns } : {};
}
