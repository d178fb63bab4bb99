import { type Command, Option } from "commander";
import { usage } from "./errors.ts";

/** Collects the values of a flag that may be given several times. */
export function repeated(value: string, before: readonly string[] | undefined): string[] {
  return [...before ?? [], value];
}

/** Flags of a process: `run`, `create`, `exec`. */
export function processOptions(command: Command): Command {
  return command
    .option("-e, --env <name=value>", "set a variable, or take NAME over from here", repeated)
    .option("--env-file <path>", "read variables from a file", repeated)
    .option("-w, --workdir <path>", "working directory, made when missing")
    .addOption(new Option("--cwd <path>", "the same as --workdir").hideHelp())
    .option("-u, --user <user>", "name, or uid[:gid]")
    .option("--uid <number>", "user ID")
    .option("--gid <number>", "group ID; alone it is a further group")
    .option("-i, --interactive", "keep standard input open")
    .option("-t, --tty", "give the process a terminal")
    .option("--detach-keys <keys>", "keys that leave the process running", "ctrl-p,ctrl-q")
    .option("--privileged", "all capabilities, nothing masked");
}

/** Flags of a container: `run`, `create`. */
export function containerOptions(command: Command): Command {
  command
    .optionsGroup("Container:")
    .option("--name <name>", "name of the container")
    .option("--rm, --remove", "remove the container when it has ended")
    .option("--cidfile <path>", "write the container's ID to a new file")
    .option("--entrypoint <program>", "replace the image's entrypoint and drop its command")
    .option("-c, --cpus <count>", "processors")
    .option("-m, --memory <size>", "memory, for example 512M or 2G")
    .option("-l, --label <key=value>", "set a label", repeated)
    .option("--label-file <path>", "read labels from a file", repeated)
    .option("--hostname <name>", "name of the host inside the container")
    .option("--domainname <name>", "NIS domain name inside the container")
    .option("--init", "run a small init that forwards signals and reaps")
    .option("--stop-signal <signal>", "signal that asks the process to end")
    .option("--stop-timeout <seconds>", "time before it is killed")
    .option("-k, --kernel <path>", "boot another kernel")
    .option("--kernel-arg <argument>", "append to the kernel's command line", repeated);
  mountOptions(command);
  policyOptions(command);
  networkOptions(command);
  return securityOptions(command);
}

function mountOptions(command: Command): Command {
  return command
    .optionsGroup("Mounts:")
    .option(
      "-v, --volume <[source:]target[:options]>",
      "mount a folder, a file, a socket or a volume",
      repeated,
    )
    .option(
      "--mount <key=value,...>",
      "the same in words: type, source, target, readonly, …",
      repeated,
    )
    .option("--tmpfs <path[:options]>", "mount a tmpfs there", repeated)
    .option("--volumes-from <container[:ro]>", "mount what another container mounts", repeated)
    .option("--publish-socket <host:container>", "reach a socket of the container here", repeated)
    .option("--ssh", "forward the SSH agent")
    .option("--read-only", "make the root file system read-only")
    .option("--shm-size <size>", "size of /dev/shm");
}

function policyOptions(command: Command): Command {
  return command
    .optionsGroup("Restart and health:")
    .option("--restart <policy>", "no, on-failure[:N], always or unless-stopped")
    .option("--health-cmd <line>", "shell line that says whether it is healthy")
    .option("--health-interval <time>", "between two probes (30s)")
    .option("--health-timeout <time>", "of one probe (30s)")
    .option("--health-retries <count>", "failures in a row that make it unhealthy (3)")
    .option("--health-start-period <time>", "failures do not count this long (0s)")
    .option("--health-start-interval <time>", "between two probes until then (5s)")
    .addOption(withoutPair("--no-healthcheck", "do not probe, whatever the image says"));
}

function networkOptions(command: Command): Command {
  return command
    .optionsGroup("Network:")
    .option(
      "--network <name[,key=value,...]>",
      "join a network, or none; keys: alias, ip, ip6, mac, mtu",
      repeated,
    )
    .addOption(same("--net <name>", "--network", "network"))
    .option("--network-alias <name>", "a further name for containers of the network", repeated)
    .addOption(same("--net-alias <name>", "--network-alias", "network-alias"))
    .option("--ip <address>", "its IPv4 address in the first network")
    .option("--ip6 <address>", "its IPv6 address in the first network")
    .option("--mac <address>", "its MAC address in the first network")
    .addOption(new Option("--mac-address <address>", "the same as --mac").hideHelp())
    .on("option:mac-address", (value: string) => command.setOptionValue("mac", value))
    .option(
      "-p, --publish <[address:][port:]port>",
      "reach a port of the container here",
      repeated,
    )
    .option("-P, --publish-all", "publish every exposed port at a free one")
    .option("--expose <port[/udp]>", "a port that --publish-all publishes", repeated)
    .option("--proxy-protocol", "tell published TCP ports who connects, by a PROXY line")
    .addOption(new Option("--egress <rule>", "allow or deny connections to the outside"))
    .option("--allow-host <name|range[:port]>", "all that --egress deny lets through", repeated)
    .addOption(withoutPair("--no-host-access", "keep it from services of the host"))
    .option("--link-local <none>", "none: no link-local addresses")
    .option("--dns <address>", "name server", repeated)
    .option("--dns-domain <name>", "domain of the resolver")
    .option("--dns-search <name>", "search domain of the resolver", repeated)
    .option("--dns-option <option>", "option of the resolver", repeated)
    .addOption(
      new Option("--dns-opt <option>", "the same as --dns-option").argParser(repeated).hideHelp(),
    )
    .addOption(withoutPair("--no-dns", "leave /etc/resolv.conf alone"))
    .option("--add-host <name:address>", "add a line to /etc/hosts", repeated);
}

/** Another spelling of a flag that may be given several times. */
function same(flags: string, as: string, name: string): Option {
  const option = new Option(flags, `the same as ${as}`).argParser(repeated).hideHelp();
  option.attributeName = () => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  return option;
}

function securityOptions(command: Command): Command {
  return command
    .optionsGroup("Security and limits:")
    .option("--group-add <group>", "a further group, by name or number", repeated)
    .option("--cap-add <name>", "add a capability, or ALL", repeated)
    .option("--cap-drop <name>", "drop a capability, or ALL", repeated)
    .option("--security-opt <option>", "no-new-privileges, seccomp=FILE, …", repeated)
    .option("--device <path[:path][:rwm]>", "a device of the container's VM", repeated)
    .option("--masked-path <path>", "hide a path, or NONE to hide no path", repeated)
    .option("--read-only-path <path>", "make a path read-only, or NONE", repeated)
    .option("--ulimit <type=soft[:hard]>", "limit a resource", repeated)
    .option("--pids-limit <count>", "most processes; -1 for no limit")
    .option("--oom-score-adj <-1000..1000>", "how early it is killed when memory runs out")
    .option("--sysctl <name=value>", "set a kernel parameter", repeated);
}

/** A flag of its own: commander would let it overwrite what the flag without `no` has collected. */
function withoutPair(flag: string, description: string): Option {
  const option = new Option(flag, description);
  option.negate = false;
  return option;
}

export function platformOptions(command: Command): Command {
  return command
    .option("--platform <os/arch>", "platform of the image")
    .option("-a, --arch <arch>", "architecture of the image")
    .option("--os <os>", "operating system of the image");
}

export function fetchOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--scheme <scheme>", "how to reach the registry")
        .choices(["http", "https", "auto"]).default("auto"),
    )
    .addOption(progressOption())
    .option("--max-concurrent-downloads <count>", "blobs that are fetched at once");
}

export function progressOption(): Option {
  return new Option("--progress <how>", "how progress is shown")
    .choices(["auto", "none", "plain", "tty", "ansi", "color", "json"]).default("auto");
}

export const LIST_FORMATS = ["table", "json", "yaml", "toml"];

/** The words are offered and shown; a template is taken as well, and read when it is used. */
export function formatOption(): Option {
  return wordOrTemplate("a word, or a template such as '{{.ID}}'", LIST_FORMATS).default("table");
}

/** What cannot be used is told before an engine is started for it. */
function wordOrTemplate(description: string, words: string[]): Option {
  const option = new Option("--format <format>", description).argParser((value) => {
    if (words.includes(value) || value.includes("{{")) return value;
    throw usage(
      `cannot use --format "${value}": want ${words.join(", ")} or a template`,
      "a template looks like '{{.ID}}'",
    );
  });
  option.argChoices = words;
  return option;
}

/** @param short `-f` means it as well; `prune` has no such thing, there it is `--force`. */
export function filterOption({ short = false } = {}): Option {
  const flags = `${short ? "-f, " : ""}--filter <key=value>`;
  return new Option(flags, "those alone that fit; may be given several times")
    .argParser(repeated);
}

/** Of `inspect`, which prints JSON unless told otherwise. */
export function inspectFormatOption(): Option {
  const words = ["json", "yaml", "toml"];
  return wordOrTemplate("a word, or a template such as '{{.name}}'", words).default("json");
}
