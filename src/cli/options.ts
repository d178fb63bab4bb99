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
  return command
    .option("--name <name>", "name of the container")
    .option("--rm, --remove", "remove the container when it has ended")
    .option("--cidfile <path>", "write the container's ID to a new file")
    .option("--entrypoint <program>", "replace the image's entrypoint and drop its command")
    .option("-c, --cpus <count>", "processors")
    .option("-m, --memory <size>", "memory, for example 512M or 2G")
    .option("-l, --label <key=value>", "set a label", repeated)
    .option("--hostname <name>", "name of the host inside the container")
    .option("--init", "run a small init that forwards signals and reaps")
    .option("--read-only", "make the root file system read-only")
    .option("--tmpfs <path>", "mount a tmpfs there", repeated)
    .option("--shm-size <size>", "size of /dev/shm")
    .option("--ulimit <type=soft[:hard]>", "limit a resource", repeated)
    .option("--pids-limit <count>", "most processes; -1 for no limit")
    .option("--sysctl <name=value>", "set a kernel parameter", repeated)
    .option("--cap-add <name>", "add a capability, or ALL", repeated)
    .option("--cap-drop <name>", "drop a capability, or ALL", repeated)
    .option("--masked-path <path>", "hide a path, or NONE to hide no path", repeated)
    .option("--read-only-path <path>", "make a path read-only, or NONE", repeated)
    .option("--stop-signal <signal>", "signal that asks the process to end")
    .option("--stop-timeout <seconds>", "time before it is killed")
    .option("--network <name>", "default or none")
    .option("--dns <address>", "name server", repeated)
    .option("--dns-domain <name>", "domain of the resolver")
    .option("--dns-search <name>", "search domain of the resolver", repeated)
    .option("--dns-option <option>", "option of the resolver", repeated)
    .addOption(noDns())
    .option("--add-host <name:address>", "add a line to /etc/hosts", repeated)
    .option("-k, --kernel <path>", "boot another kernel")
    .option("--kernel-arg <argument>", "append to the kernel's command line", repeated);
}

/** A flag of its own: commander would let it overwrite what `--dns` has collected. */
function noDns(): Option {
  const option = new Option("--no-dns", "leave /etc/resolv.conf alone");
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
    .choices(["auto", "none", "plain", "tty", "json"]).default("auto");
}

export function formatOption(): Option {
  return new Option("--format <format>", "how the list is printed")
    .choices(["table", "json", "yaml", "toml"]).default("table");
}

/**
 * Flags that docker or Apple's container have and this version does not. They are read, so that the
 * error names them and nobody believes that they worked.
 */
const LATER = [
  "-v, --volume <spec>",
  "--mount <spec>",
  "-p, --publish <spec>",
  "--publish-socket <spec>",
  "--ssh",
  "--rosetta",
  "--virtualization",
  "--init-image <image>",
  "--runtime <name>",
] as const;

export function laterOptions(command: Command): Command {
  for (const flags of LATER) {
    const option = new Option(flags).hideHelp();
    command.addOption(option);
    command.on(`option:${option.name()}`, () => {
      const asked = flags.replace(/ <.*/, "").split(", ").at(-1);
      throw usage(`cannot use "${asked}": this version of ctr does not have it`);
    });
  }
  return command;
}
