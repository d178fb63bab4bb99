import { Command, Option } from "commander";
import type { App } from "./app.ts";
import { refusedInBuild } from "./build_refused.ts";
import { repeated } from "./options.ts";

/** `ctr build`, and the same word where Docker has it too: `image build`, `builder build`. */
export function buildCommand(app: App): Command {
  const command = new Command("build")
    .summary("Build an image from a Dockerfile")
    .argument("[context]", "a folder, a Git or http address, or - for standard input", ".")
    .option("-f, --file <path>", "the Dockerfile, or - for standard input")
    .option("-t, --tag <name>", "name of the image", repeated)
    .option("--target <stage>", "build this stage, instead of the last one")
    .option("--build-arg <name=value>", "set an ARG, or take NAME over from here", repeated)
    .option("--build-context <name=source>", "a further context, or another base image", repeated)
    .option("--platform <os/arch,...>", "platforms to build for", repeated)
    .option("-a, --arch <arch,...>", "architectures to build for", repeated)
    .option("--os <os,...>", "operating systems to build for", repeated)
    .option("-l, --label <key=value>", "set a label of the image", repeated)
    .option("--annotation <key=value>", "set an annotation of the manifest", repeated)
    .option("--call <question>", "check, outline or targets: look, and build nothing")
    .option("--check", "the same as --call check");
  outputOptions(command);
  cacheOptions(command);
  stepOptions(command);
  refusedInBuild(command);
  return command.action(async (context: string, flags: object) => {
    const { build } = await import("./build_action.ts");
    await build(app, context, flags as Parameters<typeof build>[2]);
  });
}

function outputOptions(command: Command): void {
  command
    .optionsGroup("Output:")
    .option(
      "-o, --output <type=...,key=value>",
      "where the result goes: image, registry, oci, docker, tar, local, cacheonly, or a folder",
      repeated,
    )
    .option("--push", "send the image to its registry as well")
    .option("--load", "accepted: the image goes into the store unless --output says otherwise")
    .option("--iidfile <path>", "write the image's digest to a file")
    .option("--metadata-file <path>", "write what is known about the result to a file, as JSON")
    .option("-q, --quiet", "no progress, and the digest instead of the names")
    .addOption(
      new Option("--progress <how>", "how progress is shown")
        .choices(["auto", "plain", "tty", "rawjson", "quiet", "none"]),
    );
}

function cacheOptions(command: Command): void {
  const filter = new Option("--no-cache-filter <stage>", "run every step of a stage again");
  filter.negate = false; // it is no flag without "no"
  command
    .optionsGroup("Cache:")
    .option("--no-cache", "run every step again")
    .addOption(filter.argParser(repeated))
    .option("--cache-from <type=...,key=value>", "a cache of another builder", repeated)
    .option("--cache-to <type=...,key=value>", "leave the cache for other builders", repeated)
    .option("--pull", "look for newer base images");
}

function stepOptions(command: Command): void {
  command
    .optionsGroup("Steps that run:")
    .option("--secret <id=name,...>", "a secret, from a file (src) or a variable (env)", repeated)
    .option("--ssh <default|id=socket|id=key>", "an SSH agent, or keys for one", repeated)
    .option("--network <network>", "default, none or host")
    .option("--add-host <name:address>", "add a line to /etc/hosts", repeated)
    .option("--dns <address>", "name server", repeated)
    .option("--dns-domain <name>", "domain of the resolver")
    .option("--dns-search <name>", "search domain of the resolver", repeated)
    .option("--dns-option <option>", "option of the resolver", repeated)
    .option("--allow <right>", "network.host or security.insecure, for steps that ask", repeated)
    .option("-c, --cpus <count>", "processors of the builder")
    .option("-m, --memory <size>", "memory of the builder")
    .option("--shm-size <size>", "size of /dev/shm")
    .option("--ulimit <type=soft[:hard]>", "limit a resource", repeated);
}
