import { Command, Option } from "commander";
import type { App } from "./app.ts";
import { filterOption, formatOption, inspectFormatOption, repeated } from "./options.ts";

/** The group `network`: its actions are loaded when one of them runs. */
export function networkCommand(app: App): Command {
  return new Command("network")
    .alias("n")
    .summary("Make, list and remove networks, and put containers in them")
    .addCommand(createCommand(app))
    .addCommand(listCommand(app))
    .addCommand(inspectCommand(app))
    .addCommand(removeCommand(app))
    .addCommand(pruneCommand(app))
    .addCommand(connectCommand(app))
    .addCommand(disconnectCommand(app));
}

type Actions = typeof import("./network_actions.ts");
const actions = (): Promise<Actions> => import("./network_actions.ts");

function createCommand(app: App): Command {
  return new Command("create")
    .summary("Make a network and print its name")
    .argument("<name>", "lower-case letters, digits, dots, dashes and underscores")
    .option("--subnet <cidr>", "its IPv4 range, or none; default: one that is free")
    .option("--subnet-v6 <cidr>", "its IPv6 range, or none")
    .option("--internal", "it leads nowhere: not to the outside, not to the host")
    .addOption(new Option("--egress <rule>", "allow or deny connections to the outside"))
    .option("--allow-host <name|range[:port]>", "all that --egress deny lets through", repeated)
    .option("--no-host-access", "keep its containers from services of the host")
    .option("--label <key=value>", "set a label", repeated)
    .option("-o, --option <key=value>", "mtu=1280 to 65535", repeated)
    .addOption(new Option("--opt <key=value>").argParser(repeated).hideHelp())
    .option("-d, --driver <name>", "user, or bridge: one of the kernel's (Linux, root)", "user")
    .addOption(new Option("--ipv6").hideHelp()) // it has both families anyway
    .action(async (name: string, flags: object) =>
      (await actions()).create(app, name, flags as never)
    );
}

function listCommand(app: App): Command {
  return new Command("ls")
    .alias("list")
    .summary("List networks")
    .option("-q, --quiet", "names alone")
    .addOption(filterOption({ short: true }))
    .addOption(formatOption())
    .action(async (flags: object) => (await actions()).list(app, flags as never));
}

function inspectCommand(app: App): Command {
  return new Command("inspect")
    .summary("Print all that is known about networks, as JSON")
    .argument("<network...>", "names")
    .addOption(inspectFormatOption())
    .action(async (networks: string[], flags: object) =>
      (await actions()).inspect(app, networks, flags as never)
    );
}

function removeCommand(app: App): Command {
  return new Command("rm")
    .alias("delete")
    .alias("remove")
    .summary("Remove networks in which no container runs")
    .argument("<network...>", "names")
    .option("-f, --force", "do not mind missing ones")
    .action(async (networks: string[], flags: object) =>
      (await actions()).remove(app, networks, flags)
    );
}

function pruneCommand(app: App): Command {
  return new Command("prune")
    .summary("Remove every network that no container refers to")
    .addOption(filterOption())
    .addOption(new Option("-f, --force").hideHelp()) // nothing is asked
    .action(async (flags: object) => (await actions()).prune(app, flags));
}

function connectCommand(app: App): Command {
  return new Command("connect")
    .summary("Put a container that does not run into a network")
    .argument("<network>", "its name")
    .argument("<container>", "name or ID")
    .option("--alias <name>", "a further name for containers of the network", repeated)
    .option("--ip <address>", "its IPv4 address")
    .option("--ip6 <address>", "its IPv6 address")
    .option("--mac <address>", "its MAC address")
    .option("--mtu <bytes>", "of its interface")
    .action(async (network: string, container: string, flags: object) =>
      (await actions()).connect(app, network, container, flags)
    );
}

function disconnectCommand(app: App): Command {
  return new Command("disconnect")
    .summary("Take a container that does not run out of a network")
    .argument("<network>", "its name")
    .argument("<container>", "name or ID")
    .action(async (network: string, container: string) =>
      (await actions()).disconnect(app, network, container)
    );
}

/** `ctr port`. */
export function portCommand(app: App): Command {
  return new Command("port")
    .summary("List where a container's published ports are")
    .argument("<container>", "name or ID")
    .argument("[port]", "of the container, as 80 or 53/udp")
    .action(async (container: string, port: string | undefined) =>
      (await actions()).port(app, container, port)
    );
}

/** The group `system dns`. */
export function systemDnsCommand(app: App): Command {
  const domains = (): Promise<typeof import("./dns_actions.ts")> => import("./dns_actions.ts");
  return new Command("dns")
    .summary("Domains in which this host finds containers")
    .addCommand(
      new Command("create")
        .summary("Make a domain and print its name")
        .argument("<domain>", "for example test")
        .action(async (domain: string) => (await domains()).create(app, domain)),
    )
    .addCommand(
      new Command("delete")
        .alias("rm")
        .summary("Delete domains")
        .argument("<domain...>", "their names")
        .action(async (names: string[]) => (await domains()).remove(app, names)),
    )
    .addCommand(
      new Command("ls")
        .alias("list")
        .summary("List domains")
        .option("-q, --quiet", "names alone")
        .addOption(formatOption())
        .action(async (flags: object) => (await domains()).list(app, flags as never)),
    );
}

/** The group `dns`. */
export function dnsCommand(app: App): Command {
  return new Command("dns")
    .summary("Ask for containers by name")
    .addCommand(
      new Command("enable")
        .summary("Make a domain, and say how this host's resolver is told of it")
        .argument("[domain]", "its name", "test")
        .action(async (domain: string) => (await import("./dns_actions.ts")).enable(app, domain)),
    )
    .addCommand(
      new Command("query")
        .summary("Print the addresses that containers are told for a name")
        .argument("<name>", "a container, an alias, or one of them with .NETWORK or .test behind")
        .option("--network <name>", "ask this network alone")
        .action(async (name: string, flags: object) => (await actions()).query(app, name, flags)),
    );
}
