import { isBareNumber, parseSize } from "../core/mod.ts";
import { usage } from "./errors.ts";

/** Least memory of a container: what its kernel, its init and a small program need. */
const LEAST_MEMORY = 200 * 1024 * 1024;

/** A whole number of a flag, within its limits. */
export function count(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^-?\d+$/.test(text) && value >= least && value <= most) return value;
  throw usage(`cannot use ${flag} "${text}": want a whole number from ${least} to ${most}`);
}

/** `-m`: a suffix is asked for, because nobody wants 512 bytes. */
export function memory(text: string): number {
  const bytes = parseSize(text);
  if (bytes >= LEAST_MEMORY) return bytes;
  throw usage(
    `cannot use --memory "${text}": want at least 200M`,
    isBareNumber(text) ? `did you mean "${text}M"? without a suffix it is bytes` : undefined,
  );
}

export function shm(text: string): number {
  const bytes = parseSize(text);
  if (bytes > 0) return bytes;
  throw usage(`cannot use --shm-size "${text}": want more than 0`);
}

/** Seconds of a flag, as milliseconds. */
export function seconds(flag: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  throw usage(`cannot use ${flag} "${text}": want a number of seconds`);
}

const ULIMITS =
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack"
    .split(" ");

export interface Ulimit {
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

/** `nofile=1024:2048`; one value sets both, `unlimited` and `-1` set none. */
export function ulimits(texts: readonly string[]): Ulimit[] {
  const seen = new Set<string>();
  return texts.map((text) => {
    const bad = (fact: string) => usage(`cannot use --ulimit "${text}": ${fact}`);
    const match = /^([^=]*)=([^:]*)(?::(.*))?$/.exec(text);
    if (!match) throw bad("want type=soft[:hard], for example nofile=1024:2048");
    const [, type = "", soft = "", hard = soft] = match;
    if (!ULIMITS.includes(type)) throw bad(`"${type}" is not one of ${ULIMITS.join(", ")}`);
    if (seen.has(type)) throw bad(`"${type}" is given twice`);
    seen.add(type);
    const value = (part: string) => {
      if (part === "unlimited" || part === "-1") return Number.MAX_SAFE_INTEGER;
      if (/^\d+$/.test(part) && Number.isSafeInteger(Number(part))) return Number(part);
      throw bad(`"${part}" is neither a number nor "unlimited"`);
    };
    const limit = { type, soft: value(soft), hard: value(hard) };
    if (limit.soft > limit.hard) {
      throw bad(`the soft limit ${soft} is above the hard limit ${hard}`);
    }
    return limit;
  });
}

/** `K=V`, or `K` for an empty value. */
export function labels(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map((text) => {
    const [key, ...value] = text.split("=");
    if (!key) throw usage(`cannot use --label "${text}": want key=value`);
    return [key, value.join("=")];
  }));
}

export function sysctls(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map((text) => {
    const match = /^([a-z0-9_./-]+)=(.*)$/i.exec(text);
    if (match) return [match[1]!, match[2]!];
    throw usage(
      `cannot use --sysctl "${text}": want name=value, for example net.core.somaxconn=512`,
    );
  }));
}

/** As `--cap-add` takes them. */
export const REGISTERED_CAPABILITIES: readonly string[] =
  ("AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE " +
    "DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN " +
    "MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID " +
    "SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE " +
    "SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM").split(" ");

/** Any case, with or without `CAP_`; as the kernel spells them, or `ALL`. */
export function capabilities(flag: string, texts: readonly string[]): string[] {
  return texts.map((text) => {
    const name = text.toUpperCase().replace(/^CAP_/, "");
    if (name === "ALL") return "ALL";
    if (REGISTERED_CAPABILITIES.includes(name)) return `CAP_${name}`;
    throw usage(`cannot use ${flag} "${text}": there is no such capability`);
  });
}

/** Absolute paths, or `NONE`, which clears all that came before it. */
export function paths(flag: string, texts: readonly string[]): string[] {
  for (const text of texts) {
    if (text !== "NONE" && !text.startsWith("/")) {
      throw usage(`cannot use ${flag} "${text}": want an absolute path of the container`);
    }
  }
  return [...texts];
}

/** `path`, or docker's `path:option,option`. */
export function tmpfs(texts: readonly string[]): { destination: string; options: string[] }[] {
  return texts.map((text) => {
    const colon = text.indexOf(":");
    const destination = colon < 0 ? text : text.slice(0, colon);
    if (!destination.startsWith("/")) {
      throw usage(`cannot use --tmpfs "${text}": want an absolute path of the container`);
    }
    const options = colon < 0 ? [] : text.slice(colon + 1).split(",").filter(Boolean);
    for (const option of options) {
      if (TMPFS_OPTION.test(option)) continue;
      throw usage(`cannot use --tmpfs "${text}": there is no option "${option}"`);
    }
    return { destination, options };
  });
}

const TMPFS_OPTION =
  /^(ro|rw|(no)?exec|(no)?suid|(no)?dev|(no)?atime|relatime|sync|(size|nr_blocks|nr_inodes)=\d+[kmgKMG%]?|mode=[0-7]{1,4}|[ug]id=\d+)$/;

/** Names or numbers. */
export function groups(texts: readonly string[]): string[] {
  for (const text of texts) {
    if (/^\d+$/.test(text) ? Number(text) < 2 ** 32 - 1 : /^[a-zA-Z_][\w.-]*\$?$/.test(text)) {
      continue;
    }
    throw usage(`cannot use --group-add "${text}": want the name or the number of a group`);
  }
  return [...texts];
}

/** `name:address`; the address may hold colons. */
export function hosts(texts: readonly string[]): { address: string; names: string[] }[] {
  return texts.map((text) => {
    const match = /^([^:=\s]+)[:=]\[?([0-9a-f.:]+|host-gateway)\]?$/i.exec(text);
    if (match) return { address: match[2]!, names: [match[1]!] };
    throw usage(`cannot use --add-host "${text}": want name:address, for example db:192.0.2.7`);
  });
}

export function addresses(flag: string, texts: readonly string[]): string[] {
  for (const text of texts) {
    const v4 = /^(\d{1,3})(\.\d{1,3}){3}$/.test(text) && text.split(".").every((n) => +n <= 255);
    const v6 = /^[0-9a-f:]*:[0-9a-f:.]*$/i.test(text);
    if (!v4 && !v6) throw usage(`cannot use ${flag} "${text}": want an IP address`);
  }
  return [...texts];
}
