import { type Command, Option } from "commander";
import { usage } from "./errors.ts";

/** A flag that is read so that the error can say why it is not there. */
export interface RefusedFlag {
  /** As commander declares it. */
  readonly flags: string;
  /** A clause that ends the sentence `cannot use "--flag": …`. */
  readonly reason: string;
  /** Values that ask for what is so already; with them the flag changes nothing. */
  readonly accepts?: readonly string[];
}

const LATER = "this version of ctr does not have it";
const OWN_VM = "every container has a VM of its own, and shares no namespace with another";
const OWN_KERNEL = "a container's VM has a kernel and control groups of its own; see --cpus and -m";
const HOST_DISK = "disks are files of the host; limit them there";

/** Flags of `run` and `create` in Docker and Apple's container that have no meaning here, or not yet. */
export const REFUSED_IN_RUN: readonly RefusedFlag[] = [
  { flags: "--rosetta", reason: LATER },
  { flags: "--virtualization", reason: LATER },
  { flags: "--init-image <image>", reason: LATER },
  {
    flags: "--link <container>",
    reason: "links are no more; containers of a network see each other",
  },
  { flags: "--link-local-ip <address>", reason: "the kernel chooses link-local addresses" },
  { flags: "--attach <stream>", reason: "all streams are attached, or none with -d" },
  {
    flags: "--no-sig-proxy",
    reason: "signals go to the process; the keys of --detach-keys leave it",
  },
  { flags: "--annotation <key=value>", reason: "no OCI runtime is there to read it; see --label" },
  { flags: "--blkio-weight <weight>", reason: OWN_KERNEL },
  { flags: "--blkio-weight-device <spec>", reason: OWN_KERNEL },
  { flags: "--cgroup-parent <path>", reason: OWN_KERNEL },
  { flags: "--cgroupns <mode>", reason: OWN_VM, accepts: ["private"] },
  { flags: "--cpu-count <count>", reason: "it is for Windows; see --cpus" },
  { flags: "--cpu-percent <share>", reason: "it is for Windows; see --cpus" },
  { flags: "--cpu-period <time>", reason: OWN_KERNEL },
  { flags: "--cpu-quota <time>", reason: OWN_KERNEL },
  { flags: "--cpu-rt-period <time>", reason: OWN_KERNEL },
  { flags: "--cpu-rt-runtime <time>", reason: OWN_KERNEL },
  { flags: "--cpu-shares <weight>", reason: OWN_KERNEL },
  { flags: "--cpuset-cpus <list>", reason: "the host places a VM's processors; see --cpus" },
  { flags: "--cpuset-mems <list>", reason: "the host places a VM's memory" },
  { flags: "--device-cgroup-rule <rule>", reason: "devices are those of the VM; see --device" },
  { flags: "--device-read-bps <limit>", reason: HOST_DISK },
  { flags: "--device-read-iops <limit>", reason: HOST_DISK },
  { flags: "--device-write-bps <limit>", reason: HOST_DISK },
  { flags: "--device-write-iops <limit>", reason: HOST_DISK },
  { flags: "--no-disable-content-trust", reason: "ctr does not check signatures of Notary" },
  { flags: "--gpus <devices>", reason: "the VM has no GPU" },
  { flags: "--io-maxbandwidth <limit>", reason: "it is for Windows" },
  { flags: "--io-maxiops <limit>", reason: "it is for Windows" },
  { flags: "--ipc <mode>", reason: OWN_VM, accepts: ["private", "none", "shareable"] },
  { flags: "--isolation <kind>", reason: "a VM is the isolation", accepts: ["default"] },
  { flags: "--kernel-memory <size>", reason: "Linux has no such limit any more; see -m" },
  {
    flags: "--log-driver <name>",
    reason: 'ctr keeps logs itself; see "ctr logs"',
    accepts: ["json-file", "local"],
  },
  { flags: "--log-opt <key=value>", reason: 'ctr keeps logs itself; see "ctr logs"' },
  { flags: "--memory-reservation <size>", reason: "a VM's memory is one number; see -m" },
  { flags: "--memory-swap <size>", reason: "a VM has no swap" },
  { flags: "--memory-swappiness <share>", reason: "a VM has no swap" },
  { flags: "--oom-kill-disable", reason: "a VM without memory would stand still; see -m" },
  { flags: "--pid <mode>", reason: OWN_VM },
  { flags: "--runtime <name>", reason: "a VM is the runtime" },
  { flags: "--storage-opt <key=value>", reason: "a root file system takes what it needs" },
  { flags: "--use-api-socket", reason: "there is no Docker daemon" },
  { flags: "--userns <mode>", reason: "the VM keeps its users apart from the host's" },
  { flags: "--uts <mode>", reason: `${OWN_VM}; see --hostname` },
  { flags: "--volume-driver <name>", reason: 'there is one driver, "local"', accepts: ["local"] },
];

/** Flags of Docker that ask for what is so already. */
export const IDLE_IN_RUN = ["--sig-proxy", "--disable-content-trust"] as const;

/**
 * Declares flags without showing them; one that is given ends the command with its reason.
 *
 * @throws {CtrError} `usage`, when the flag is read.
 */
export function refusedOptions(command: Command): Command {
  for (const { flags, reason, accepts = [] } of REFUSED_IN_RUN) {
    const option = new Option(flags).hideHelp();
    option.negate = false; // commander would make it a default of the flag without "no"
    command.addOption(option);
    command.on(`option:${option.name()}`, (value: string | null) => {
      if (value !== null && accepts.includes(value)) return;
      throw usage(`cannot use "${option.long}": ${reason}`);
    });
  }
  for (const flags of IDLE_IN_RUN) command.addOption(new Option(flags).hideHelp());
  return command;
}

/** What is said to `long`, such as `--gpus`. */
export function refusedAs(long: string): RefusedFlag | undefined {
  return REFUSED_IN_RUN.find(({ flags }) => flags.split(/[ ,]+/).includes(long));
}
