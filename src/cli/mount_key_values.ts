import type { MountSpec } from "../api/mod.ts";
import { parseSize } from "../core/mod.ts";
import { usage } from "./errors.ts";
import { checkedVolumeName, containerPath, hostPath, kindOfSource } from "./mount_paths.ts";

export interface Tmpfs {
  readonly type?: "tmpfs";
  readonly destination: string;
  readonly options: string[];
}

type Kind = "bind" | "volume" | "tmpfs";

const KINDS: Readonly<Record<string, Kind>> = {
  bind: "bind",
  virtiofs: "bind", // the name of Apple's container
  volume: "volume",
  tmpfs: "tmpfs",
};

/** Other names of keys. */
const SAME: Readonly<Record<string, string>> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
  size: "tmpfs-size",
  mode: "tmpfs-mode",
};

/** Which keys a mount of each type may have, besides `type`, `target` and `readonly`. */
const KEYS: Readonly<Record<Kind, readonly string[]>> = {
  bind: ["source", "bind-propagation", "bind-recursive", "consistency"],
  volume: [
    "source",
    "volume-nocopy",
    "volume-subpath",
    "volume-opt",
    "volume-label",
    "volume-driver",
    "consistency",
  ],
  tmpfs: ["tmpfs-size", "tmpfs-mode"],
};

/** Keys that may stand without a value, and then mean yes. */
const FLAGS = ["readonly", "volume-nocopy"];

const REFUSED: Readonly<Record<string, string>> = {
  image: "image mounts are not part of this version",
  npipe: "named pipes are Windows'",
  cluster: "there is no cluster",
};

/**
 * Reads a value of `--mount`: `key=value` pairs parted by commas; a pair with a comma is quoted.
 *
 * @throws {CtrError} `usage`, `not-found` for a source that is not there.
 */
export async function readMount(text: string): Promise<MountSpec | (Tmpfs & { type: "tmpfs" })> {
  const bad = (fact: string) => usage(`cannot use --mount "${text}": ${fact}`);
  const pairs = pairsOf(text, bad);
  const one = (key: string) => pairs.findLast(([name]) => name === key)?.[1];
  const type = kind(one("type"), one("source"), bad);
  for (const [key, value] of pairs) {
    if (!["type", "target", "readonly", ...KEYS[type]].includes(key)) {
      const known = Object.values(KEYS).some((keys) => keys.includes(key));
      throw bad(known ? `"${key}" is not for type=${type}` : `there is no key "${key}"`);
    }
    if (value === "" && key !== "volume-opt") throw bad(`"${key}" has no value`);
  }
  const target = one("target");
  if (target === undefined) throw bad("no target is given");
  const at = containerPath("--mount", text, target);
  const readonly = yes("readonly", one("readonly"), bad);
  if (type === "tmpfs") {
    const options = tmpfsOptions(one("tmpfs-size"), one("tmpfs-mode"), readonly, bad);
    return { type, destination: at, options };
  }
  return type === "bind"
    ? await bindMount(text, one, { target: at, readonly }, bad)
    : volumeMount(text, one, pairs, { target: at, readonly }, bad);
}

type Bad = (fact: string) => Error;
type One = (key: string) => string | undefined;
interface Common {
  readonly target: string;
  readonly readonly: boolean;
}

async function bindMount(text: string, one: One, common: Common, bad: Bad): Promise<MountSpec> {
  const source = one("source");
  if (source === undefined) throw bad("type=bind wants a source");
  const propagation = one("bind-propagation") ?? "rprivate";
  if (!["private", "rprivate"].includes(propagation)) {
    throw bad(`"${propagation}" has no meaning here: mounts are not passed on into a VM`);
  }
  const recursive = one("bind-recursive") ?? "enabled";
  if (!["enabled", "writable", "readonly"].includes(recursive)) {
    throw bad(`"bind-recursive=${recursive}" is not possible: a folder is shared with its mounts`);
  }
  const path = hostPath(source);
  const found = await kindOfSource("--mount", text, path);
  return found === "socket"
    ? { type: "socket", source: path, target: common.target }
    : { type: "bind", source: path, ...common, create: false };
}

function volumeMount(
  text: string,
  one: One,
  pairs: readonly Pair[],
  common: Common,
  bad: Bad,
): MountSpec {
  const source = one("source");
  const subpath = one("volume-subpath");
  const driver = one("volume-driver") ?? "local";
  if (driver !== "local") throw bad(`there is no volume driver "${driver}", "local" alone`);
  if (subpath !== undefined && (subpath.startsWith("/") || subpath.split("/").includes(".."))) {
    throw bad(`"${subpath}" leaves the volume`);
  }
  const records = (key: string) =>
    Object.fromEntries(
      pairs.filter(([name]) => name === key).map(([, value]) => {
        const equals = value.indexOf("=");
        return equals < 0 ? [value, ""] : [value.slice(0, equals), value.slice(equals + 1)];
      }),
    );
  return {
    type: "volume",
    ...(source !== undefined && { source: checkedVolumeName("--mount", text, source) }),
    ...common,
    copy: !yes("volume-nocopy", one("volume-nocopy"), bad),
    ...(subpath !== undefined && { subpath }),
    options: records("volume-opt"),
    labels: records("volume-label"),
  };
}

function tmpfsOptions(
  size: string | undefined,
  mode: string | undefined,
  readonly: boolean,
  bad: Bad,
): string[] {
  if (mode !== undefined && !/^[0-7]{1,4}$/.test(mode)) throw bad(`"${mode}" is no octal mode`);
  return [
    ...(size === undefined ? [] : [`size=${parseSize(size)}`]),
    ...(mode === undefined ? [] : [`mode=${mode}`]),
    ...(readonly ? ["ro"] : []),
  ];
}

type Pair = readonly [key: string, value: string];

function pairsOf(text: string, bad: Bad): Pair[] {
  return fields(text, bad).map((field) => {
    const equals = field.indexOf("=");
    const key = (equals < 0 ? field : field.slice(0, equals)).trim();
    const name = SAME[key] ?? key;
    if (equals >= 0) return [name, field.slice(equals + 1)];
    if (FLAGS.includes(name)) return [name, "true"];
    throw bad(`"${field}" is not key=value`);
  });
}

/** Fields between commas. One that begins with a quote goes to the next lone quote (RFC 4180). */
function fields(text: string, bad: Bad): string[] {
  const found: string[] = [];
  for (let rest: string | undefined = text; rest !== undefined;) {
    const quoted: RegExpExecArray | null = /^"((?:[^"]|"")*)"(?:,|$)/.exec(rest);
    if (!quoted && rest.startsWith('"')) throw bad("a quote is not closed");
    const comma: number = quoted ? quoted[0].length - 1 : rest.indexOf(",");
    found.push(quoted ? quoted[1]!.replaceAll('""', '"') : rest.split(",", 1)[0]!);
    rest = comma >= 0 && rest[comma] === "," ? rest.slice(comma + 1) : undefined;
  }
  return found;
}

/** Without a type, a path is the host's and another source, or none, is a volume's. */
function kind(type: string | undefined, source: string | undefined, bad: Bad): Kind {
  if (type === undefined) return source && /[/.]/.test(source[0]!) ? "bind" : "volume";
  const found = KINDS[type.toLowerCase()];
  if (found) return found;
  const reason = REFUSED[type.toLowerCase()];
  throw bad(reason ?? `there is no type "${type}": want bind, volume or tmpfs`);
}

function yes(key: string, text: string | undefined, bad: Bad): boolean {
  if (text === undefined) return false;
  if (/^(true|1|yes)$/i.test(text)) return true;
  if (/^(false|0|no)$/i.test(text)) return false;
  throw bad(`"${key}=${text}" is neither true nor false`);
}
