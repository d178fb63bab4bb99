import { type Command, Option } from "commander";
import { usage } from "./errors.ts";
import type { RefusedFlag } from "./refused_options.ts";

const NO_STATEMENTS = "ctr attaches no statements to images";
const VM = "steps run in a VM; see --cpus and -m";

/** Flags of `docker build` and of Apple's that have no meaning here. */
export const REFUSED_IN_BUILD: readonly RefusedFlag[] = [
  { flags: "--attest <key=value>", reason: NO_STATEMENTS },
  { flags: "--provenance [kind]", reason: NO_STATEMENTS, accepts: ["false"] },
  { flags: "--sbom [kind]", reason: NO_STATEMENTS, accepts: ["false"] },
  { flags: "--policy <key=value>", reason: "ctr has no policies of builds" },
  { flags: "--builder <name>", reason: "there is one builder", accepts: ["default"] },
  { flags: "--cgroup-parent <path>", reason: VM },
  { flags: "--cpu-period <time>", reason: VM },
  { flags: "--cpu-quota <time>", reason: VM },
  { flags: "--cpu-shares <weight>", reason: VM },
  { flags: "--cpuset-cpus <list>", reason: VM },
  { flags: "--cpuset-mems <list>", reason: VM },
  { flags: "--memory-swap <size>", reason: "a VM has no swap" },
  { flags: "--isolation <kind>", reason: "a VM is the isolation", accepts: ["default"] },
  { flags: "--security-opt <option>", reason: VM },
  { flags: "--squash", reason: "layers stay; write one RUN, or copy into a last stage" },
  { flags: "--vsock-port <port>", reason: "ctr chooses it" },
  { flags: "--cache-in <value>", reason: "see --cache-from" },
  { flags: "--cache-out <value>", reason: "see --cache-to" },
];

/** Flags that ask for what is so already. */
const IDLE_IN_BUILD = ["--rm", "--force-rm", "--compress", "--disable-content-trust"] as const;

/** Declares them without showing them; one that is refused ends the command with its reason. */
export function refusedInBuild(command: Command): void {
  for (const { flags, reason, accepts = [] } of REFUSED_IN_BUILD) {
    const option = new Option(flags).hideHelp();
    command.addOption(option);
    command.on(`option:${option.name()}`, (value: string | null) => {
      if (value !== null && accepts.includes(value)) return;
      throw usage(`cannot use "${option.long}": ${reason}`);
    });
  }
  for (const flags of IDLE_IN_BUILD) command.addOption(new Option(flags).hideHelp());
}
