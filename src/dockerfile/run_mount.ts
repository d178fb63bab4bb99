import { CtrError, parseSize } from "../core/mod.ts";
import { mountFields } from "./expand_instruction.ts";
import { didYouMean } from "./suggest.ts";
import { WordError } from "./failure.ts";
import type { RunMount } from "./types.ts";

const TYPES = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
type MountType = (typeof TYPES)[number];

/** Other spellings of keys. */
const SAME: Readonly<Record<string, string>> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
  rw: "readwrite",
};

const COMMON = ["type", "target"];
const OWNER = ["mode", "uid", "gid"];
const KEYS: Readonly<Record<MountType, readonly string[]>> = {
  bind: [...COMMON, "from", "source", "readonly", "readwrite"],
  cache: [...COMMON, ...OWNER, "id", "from", "source", "readonly", "readwrite", "sharing"],
  tmpfs: [...COMMON, "size", "readonly", "readwrite"],
  secret: [...COMMON, ...OWNER, "id", "source", "env", "required", "readonly", "readwrite"],
  ssh: [...COMMON, ...OWNER, "id", "required", "readonly", "readwrite"],
};
const FLAGS = ["readonly", "readwrite", "required"];

/**
 * Reads one `--mount` of RUN, whose variables have been expanded.
 *
 * @throws {CtrError} `bad-data`: what is wrong, without a place.
 */
export function parseRunMount(text: string): RunMount {
  const fields = readFields(text);
  const type = fields.get("type")?.toLowerCase() ?? "bind";
  if (!isType(type)) {
    const hint = didYouMean(type, TYPES) ?? `there are ${TYPES.join(", ")}`;
    throw bad(text, `there is no type "${type}"`, hint);
  }
  for (const key of fields.keys()) {
    if (KEYS[type].includes(key)) continue;
    const hint = didYouMean(key, KEYS[type]) ?? `there are ${KEYS[type].join(", ")}`;
    throw bad(text, `a mount of type ${type} has no "${key}"`, hint);
  }
  return build(new Fields(text, fields), type);
}

function isType(text: string): text is MountType {
  return TYPES.some((type) => type === text);
}

function readFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of mountFields(text)) {
    const [written = "", value] = field.split(/=(.*)/s);
    const lower = written.trim().toLowerCase();
    const key = Object.hasOwn(SAME, lower) ? SAME[lower]! : lower;
    if (value === undefined && !FLAGS.includes(key)) {
      throw bad(text, `"${field}" has no value`, "write key=value, with commas in between");
    }
    fields.set(key, value ?? "true");
  }
  return fields;
}

function build(fields: Fields, type: MountType): RunMount {
  const source = fields.text("source") ?? "/";
  const from = fields.text("from");
  switch (type) {
    case "bind":
      return { type, target: fields.target(), source, from, readWrite: !fields.readOnly(true) };
    case "cache": {
      const target = fields.target();
      return {
        type,
        id: fields.text("id") ?? clean(target),
        target,
        readOnly: fields.readOnly(false),
        sharing: fields.sharing(),
        from,
        source,
        ...fields.owner(0o755),
      };
    }
    case "tmpfs":
      return { type, target: fields.target(), sizeBytes: fields.size() };
    case "secret":
      return secret(fields);
    case "ssh":
      return {
        type,
        id: fields.text("id") ?? "default",
        target: fields.text("target"),
        required: fields.boolean("required") ?? false,
        ...fields.owner(0o600),
      };
  }
}

function secret(fields: Fields): RunMount {
  const id = fields.text("id") ?? fields.text("source");
  const target = fields.text("target");
  const env = fields.text("env");
  if (id === undefined && target === undefined) {
    throw fields.bad(
      "a secret has neither an id nor a target",
      "for example: type=secret,id=token",
    );
  }
  if (fields.text("id") !== undefined && fields.text("source") !== undefined) {
    throw fields.bad("a secret has an id and a source, which is the same");
  }
  const name = id ?? target!.split("/").at(-1)!;
  return {
    type: "secret",
    id: name,
    target: target ?? (env === undefined ? `/run/secrets/${name.split("/").at(-1)}` : undefined),
    env,
    required: fields.boolean("required") ?? false,
    ...fields.owner(0o400),
  };
}

/** What stands in a mount, by key. */
class Fields {
  readonly #text: string;
  readonly #fields: ReadonlyMap<string, string>;

  constructor(text: string, fields: ReadonlyMap<string, string>) {
    this.#text = text;
    this.#fields = fields;
  }

  bad(fact: string, hint?: string): CtrError {
    return bad(this.#text, fact, hint);
  }

  /** Undefined too for what is empty. */
  text(key: string): string | undefined {
    return this.#fields.get(key) || undefined;
  }

  target(): string {
    const target = this.text("target");
    if (target !== undefined) return target;
    throw this.bad("it has no target", "for example: target=/var/cache/apt");
  }

  boolean(key: string): boolean | undefined {
    const value = this.#fields.get(key);
    if (value === undefined) return undefined;
    if (/^(1|t|true)$/i.test(value)) return true;
    if (/^(0|f|false)$/i.test(value)) return false;
    throw this.bad(`${key} is "${value}"`, "it is true or false");
  }

  /** The last one of `readonly` and `readwrite` counts. */
  readOnly(byDefault: boolean): boolean {
    const last = [...this.#fields.keys()].findLast((key) => key.startsWith("read"));
    if (last === undefined) return byDefault;
    return (last === "readonly") === this.boolean(last);
  }

  sharing(): "shared" | "private" | "locked" {
    const value = (this.text("sharing") ?? "shared").toLowerCase();
    if (value === "shared" || value === "private" || value === "locked") return value;
    throw this.bad(`sharing is "${value}"`, "it is shared, private or locked");
  }

  owner(mode: number): { mode: number; uid: number; gid: number } {
    return {
      mode: this.#number("mode", 8) ?? mode,
      uid: this.#number("uid", 10) ?? 0,
      gid: this.#number("gid", 10) ?? 0,
    };
  }

  size(): number | undefined {
    const text = this.text("size");
    if (text === undefined) return undefined;
    try {
      return parseSize(text);
    } catch {
      throw this.bad(`size is "${text}"`, "for example: size=64m");
    }
  }

  #number(key: string, base: 8 | 10): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const fits = base === 8 ? /^0*[0-7]{1,4}$/ : /^\d{1,10}$/;
    const value = Number.parseInt(text, base);
    if (fits.test(text) && value <= 0xffff_ffff) return value;
    throw this.bad(`${key} is "${text}"`, base === 8 ? "it is octal, such as 0755" : undefined);
  }
}

/** Without doubled slashes, dots and slashes at the end. */
function clean(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0) parts.pop();
    else if (part !== "..") parts.push(part);
  }
  return (path.startsWith("/") ? "/" : "") + parts.join("/") || ".";
}

function bad(text: string, fact: string, hint?: string): CtrError {
  return new WordError(`--mount "${text}": ${fact}`, hint);
}
