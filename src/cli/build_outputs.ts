import { resolve } from "node:path";
import type { BuildRequestInput } from "../api/mod.ts";
import { KeyValues } from "./key_values.ts";
import { usage } from "./errors.ts";

type Output = NonNullable<BuildRequestInput["outputs"]>[number];
type ImageOutput = Extract<Output, { type: "image" }>;

export interface OutputFlags {
  readonly output?: readonly string[];
  readonly push?: boolean;
}

const TYPES = ["image", "registry", "oci", "docker", "tar", "local", "cacheonly"] as const;

/**
 * `--output` and `--push`.
 *
 * @param stdoutIsTerminal No bytes go there.
 * @throws {CtrError} `usage`
 */
export function outputs(
  { output = [], push }: OutputFlags,
  stdoutIsTerminal: boolean,
): Output[] {
  const found = output.map(readOutput);
  const toStdout = found.filter((each) => "dest" in each && each.dest === "-");
  if (toStdout.length > 1) throw usage("cannot write more than one --output to standard output");
  if (toStdout.length > 0 && stdoutIsTerminal) {
    throw usage("cannot write an archive to the terminal", "give dest=FILE, or redirect it");
  }
  if (!push) return found;
  const images = found.filter((each): each is ImageOutput => each.type === "image");
  if (images.length === 0) return [...found, { type: "image", push: true }];
  return found.map((each) => each.type === "image" ? { ...each, push: true } : each);
}

function readOutput(text: string): Output {
  // A word alone is a folder, or - for a tar at standard output.
  if (text === "-") return { type: "tar", dest: "-" };
  if (!text.includes("=")) return { type: "local", dest: resolve(text) };
  const values = new KeyValues("--output", text);
  const type = values.word("type", TYPES);
  if (type === undefined) throw values.bad("it has no type", `there are ${TYPES.join(", ")}`);
  const read = readTyped(values, type);
  values.rest();
  return read;
}

function readTyped(values: KeyValues, type: (typeof TYPES)[number]): Output {
  switch (type) {
    case "cacheonly":
      return { type };
    case "local":
    case "tar":
      return {
        type,
        dest: destination(values) ?? missing(values, type),
        ...defined("platformSplit", values.boolean("platform-split")),
        ...defined("rewriteTimestamp", values.boolean("rewrite-timestamp")),
      };
    case "oci":
    case "docker":
      return archive(values, type);
    case "image":
    case "registry":
      return image(values, type);
  }
}

function missing(values: KeyValues, type: string): never {
  throw values.bad("it has no dest", `write type=${type},dest=PATH`);
}

/** Without a destination it is an image of the store, in that format. */
function archive(values: KeyValues, type: "oci" | "docker"): Output {
  const dest = destination(values);
  const tar = values.boolean("tar");
  if (dest === undefined) {
    if (tar === false) missing(values, type);
    return { type: "image", format: type, ...common(values) };
  }
  if (tar === false && dest === "-") {
    throw values.bad("a folder cannot go to standard output");
  }
  values.boolean("oci-mediatypes");
  return { type, dest, ...defined("tar", tar), ...common(values) };
}

function image(values: KeyValues, type: "image" | "registry"): Output {
  const oci = values.boolean("oci-mediatypes");
  values.boolean("unpack"); // always so
  values.boolean("name-canonical");
  return {
    type: "image",
    push: values.boolean("push") ?? type === "registry",
    ...defined("pushByDigest", values.boolean("push-by-digest")),
    store: values.boolean("store") ?? type === "image",
    ...(oci !== undefined && { format: oci ? "oci" : "docker" }),
    ...common(values),
  };
}

function common(values: KeyValues) {
  const compression = values.word("compression", ["gzip", "zstd", "none", "uncompressed"]);
  const names = values.text("name")?.split(",").filter(Boolean);
  const annotations = {
    ...values.prefixed("annotation."),
    ...values.prefixed("annotation-manifest."),
  };
  return {
    ...defined("names", names),
    ...(compression && {
      compression: compression === "uncompressed" ? "none" as const : compression,
    }),
    ...defined("compressionLevel", values.count("compression-level", 0, 22)),
    ...defined("forceCompression", values.boolean("force-compression")),
    ...defined("rewriteTimestamp", values.boolean("rewrite-timestamp")),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}

function destination(values: KeyValues): string | undefined {
  const dest = values.text("dest");
  if (dest === undefined || dest === "-") return dest;
  if (dest === "") throw values.bad("its dest is empty");
  return resolve(dest);
}

/** For properties that must not be there with the value undefined. */
export function defined<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
