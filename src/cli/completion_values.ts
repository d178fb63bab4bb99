import type { Command, Option } from "commander";
import { REGISTERED_CAPABILITIES } from "./settings.ts";

/** What of the engine's can stand somewhere. */
export type Kind = "container" | "image" | "volume" | "network" | "machine" | "container path";

/** What may stand in a place: words, names of one or more kinds, or nothing that we know (a file). */
export interface Place {
  readonly words?: readonly string[];
  readonly kinds?: readonly Kind[];
}

const SIGNALS = ("HUP INT QUIT KILL USR1 USR2 TERM STOP CONT WINCH PWR ALRM ABRT").split(" ")
  .map((name) => `SIG${name}`);

/** Values of flags that are not choices. */
const VALUES: Readonly<Record<string, Place>> = {
  "--restart": { words: ["no", "on-failure", "always", "unless-stopped"] },
  "--signal": { words: SIGNALS },
  "--stop-signal": { words: SIGNALS },
  "--network": { words: ["default", "none"], kinds: ["network"] },
  "--net": { words: ["default", "none"], kinds: ["network"] },
  "--link-local": { words: ["none"] },
  "--volume": { kinds: ["volume"] },
  "--volumes-from": { kinds: ["container"] },
  "--mount": { words: ["type=bind,", "type=tmpfs,", "type=volume,"] },
  "--security-opt": {
    words: ["no-new-privileges", "seccomp=unconfined", "seccomp=", "systempaths=unconfined"],
  },
  "--cap-add": { words: ["ALL", ...REGISTERED_CAPABILITIES] },
  "--cap-drop": { words: ["ALL", ...REGISTERED_CAPABILITIES] },
  "--platform": { words: ["linux/amd64", "linux/arm64"] },
  "--arch": { words: ["amd64", "arm64"] },
  "--os": { words: ["linux"] },
  "--for": { words: ["healthy", "running", "exited"] },
};

/** The same of `build`, where some flags mean something else. */
const BUILD_VALUES: Readonly<Record<string, Place>> = {
  "--network": { words: ["default", "none", "host"] },
  "--output": {
    words: "image registry oci docker tar local cacheonly".split(" ").map((type) => `type=${type}`),
  },
  "--cache-from": { words: ["type=registry,ref=", "type=local,src="], kinds: ["image"] },
  "--cache-to": { words: ["type=registry,ref=", "type=local,dest=", "type=inline"] },
  "--call": { words: ["check", "outline", "targets"] },
  "--allow": { words: ["network.host", "security.insecure"] },
  "--secret": { words: ["id="] },
  "--ssh": { words: ["default"] },
};

const FILTERS: Readonly<Record<string, string>> = {
  ls: "id name label status exited health ancestor before since volume network",
  images: "dangling label reference before since",
  cache: "id parent type description inuse shared private until unused-for",
};

/** Arguments by the name that their command declares. */
const ARGUMENTS: Readonly<Record<string, readonly Kind[]>> = {
  container: ["container"],
  image: ["image"],
  other: ["image"],
  volume: ["volume"],
  network: ["network"],
  machine: ["machine"],
};

/** What may stand behind `option` of `command`. */
export function valuesOf(command: Command, option: Option): Place {
  if (option.argChoices) return { words: option.argChoices };
  const long = option.long ?? "";
  if (long === "--filter") {
    const isImages = command.name() === "images" || command.parent?.name() === "image";
    const isCache = ["builder", "buildx"].includes(command.parent?.name() ?? "");
    const keys = FILTERS[isImages ? "images" : isCache ? "cache" : command.name()] ?? "label";
    return { words: keys.split(" ").map((key) => `${key}=`) };
  }
  return (command.name() === "build" ? BUILD_VALUES[long] : undefined) ?? VALUES[long] ?? {};
}

/** What may stand as the operand of that number, from 0. */
export function operandOf(command: Command, operands: number): Place {
  const argument = command.registeredArguments.at(operands) ?? command.registeredArguments.at(-1);
  if (!argument || (operands >= command.registeredArguments.length && !argument.variadic)) {
    return {};
  }
  if (argument.argChoices) return { words: argument.argChoices };
  const name = argument.name();
  if (command.name() === "cp") return { kinds: ["container path"] };
  if (name === "source") {
    return { kinds: [command.parent?.name() === "volume" ? "volume" : "image"] };
  }
  if (command.name() === "inspect" && command.parent?.parent === null) {
    return { kinds: ["container", "image", "volume"] };
  }
  return { kinds: ARGUMENTS[name] ?? [] };
}
