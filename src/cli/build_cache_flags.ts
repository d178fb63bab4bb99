import { resolve } from "node:path";
import type { BuildRequestInput } from "../api/mod.ts";
import { defined } from "./build_outputs.ts";
import { usage } from "./errors.ts";
import { KeyValues } from "./key_values.ts";

type Source = NonNullable<BuildRequestInput["cacheFrom"]>[number];
type Target = NonNullable<BuildRequestInput["cacheTo"]>[number];

const TYPES = ["registry", "local", "inline"] as const;

/** `--cache-from`: a reference, or `type=registry,ref=…`, `type=local,src=…`. @throws {CtrError} `usage` */
export function cacheSource(text: string): Source {
  if (!text.includes("=")) return { type: "registry", reference: text };
  const values = new KeyValues("--cache-from", text);
  const read = readSource(values);
  values.rest();
  return read;
}

function readSource(values: KeyValues): Source {
  switch (kind(values)) {
    case "registry":
      return { type: "registry", reference: needed(values, "ref") };
    case "local":
      return {
        type: "local",
        path: resolve(needed(values, "src")),
        ...defined("digest", values.text("digest")),
        ...defined("tag", values.text("tag")),
      };
    case "inline":
      throw values.bad("an inline cache is in an image", "write type=registry,ref=IMAGE");
  }
}

/** `--cache-to`: a reference, or `type=registry,ref=…`, `type=local,dest=…`, `type=inline`. */
export function cacheTarget(text: string): Target {
  if (text === "inline") return { type: "inline" };
  if (!text.includes("=")) return { type: "registry", reference: text };
  const values = new KeyValues("--cache-to", text);
  const read = readTarget(values);
  values.rest();
  return read;
}

function readTarget(values: KeyValues): Target {
  switch (kind(values)) {
    case "inline":
      return { type: "inline" };
    case "registry":
      return { type: "registry", reference: needed(values, "ref"), ...details(values) };
    case "local":
      return {
        type: "local",
        path: resolve(needed(values, "dest")),
        ...defined("tag", values.text("tag")),
        ...details(values),
      };
  }
}

function details(values: KeyValues) {
  const compression = values.word("compression", ["gzip", "zstd", "none", "uncompressed"]);
  values.boolean("oci-mediatypes"); // always so
  values.boolean("image-manifest");
  return {
    ...defined("mode", values.word("mode", ["min", "max"])),
    ...(compression && {
      compression: compression === "uncompressed" ? "none" as const : compression,
    }),
    ...defined("compressionLevel", values.count("compression-level", 0, 22)),
    ...defined("forceCompression", values.boolean("force-compression")),
    ...defined("ignoreError", values.boolean("ignore-error")),
  };
}

function kind(values: KeyValues): (typeof TYPES)[number] {
  const type = values.text("type") ?? "registry";
  const found = TYPES.find((each) => each === type);
  if (found) return found;
  const cloud = ["gha", "s3", "azblob"].includes(type);
  throw values.bad(
    cloud ? `ctr has no cache of type ${type}` : `there is no type "${type}"`,
    `there are ${TYPES.join(", ")}`,
  );
}

function needed(values: KeyValues, key: string): string {
  const value = values.text(key);
  if (value) return value;
  throw values.bad(`it has no ${key}`);
}

/** Caches cannot be asked for and refused at once. */
export function checkCaches(noCache: boolean, sources: readonly Source[]): void {
  if (noCache && sources.length > 0) {
    throw usage("cannot use --no-cache together with --cache-from");
  }
}
