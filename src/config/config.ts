import { z } from "zod";
import { isCtrError, parseDurationMs, parseSize } from "../core/mod.ts";
import { parseToml, readTomlText } from "./toml_file.ts";

/** Bytes as a number, or text such as "512m". */
const size = z.unknown().transform((value, context) => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  return readWith(parseSize, value, "a size", context);
});
/** Text such as "30s", or a number of seconds. */
const durationMs = z.unknown().transform((value, context) => {
  if (typeof value === "number" && value >= 0) return value * 1000;
  return readWith(parseDurationMs, value, "a duration", context);
});

/** Every key that there is. All are optional; what is left out is the engine's default. */
const Schema = z.strictObject({
  container: z.strictObject({
    /** Processors of a container. */
    cpus: z.int().min(1).max(256).optional(),
    /** Memory of a container, as "1g". */
    memory: size.optional(),
    /** Capacity of a container's writable disk, as "64g", in whole 4096-byte blocks. */
    disk: size.optional(),
  }).default({}),
  build: z.strictObject({
    /** Processors of a builder. */
    cpus: z.int().min(1).max(256).optional(),
    /** Memory of a builder, as "4g". */
    memory: size.optional(),
    /**
     * How programs of other architectures are run: "user" emulates them one by one, "system" a whole VM, "auto"
     * takes what is faster here.
     */
    emulation: z.enum(["auto", "user", "system"]).optional(),
  }).default({}),
  engine: z.strictObject({
    /** How long the engine stays without work, as "30s". */
    idle_timeout: durationMs.optional(),
    /** "auto", "kvm" or "tcg". */
    accelerator: z.enum(["auto", "kvm", "tcg"]).optional(),
  }).default({}),
  log: z.strictObject({
    /** A container's log begins a new file at this size, as "10m". */
    segment_size: size.optional(),
    /** Files that are kept. */
    segments: z.int().min(1).max(1000).optional(),
  }).default({}),
  limits: z.strictObject({
    /** Unpacked size of one layer of an image. */
    layer_size: size.optional(),
    /** Entries of one layer of an image. */
    layer_entries: z.int().positive().optional(),
    /** Device nodes of one layer of an image. */
    layer_devices: z.int().positive().optional(),
    /** Size of an archive that is loaded. */
    archive_size: size.optional(),
  }).default({}),
  machine: z.strictObject({
    /** Processors of a machine. */
    cpus: z.int().min(1).max(256).optional(),
    /** Memory of a machine, as "4g". */
    memory: size.optional(),
    /** What a machine's disk can grow to, as "128g". */
    disk: size.optional(),
    /** How the home folder is shared: "rw", "ro" or "none". */
    home_mount: z.enum(["rw", "ro", "none"]).optional(),
    /** Whether what listens in a machine is shown on the host's localhost. */
    auto_ports: z.boolean().optional(),
    /** Short names of images, as arch = "archlinux". A tag behind a short name is kept. */
    images: z.record(z.string().regex(/^[a-z0-9-]+$/), z.string().min(1)).optional(),
  }).default({}),
  mounts: z.strictObject({
    /** Whether a guest is told what the host changes in the folders that it shares. */
    watch: z.boolean().optional(),
    /** Folders of each shared one that are watched for that. */
    watch_folders: z.int().min(1).max(1_000_000).optional(),
    /** "auto" is "virtiofs" where virtiofsd can run, else "9p". */
    transport: z.enum(["auto", "virtiofs", "9p"]).optional(),
  }).default({}),
  network: z.strictObject({
    /** Where ports are published that name no address: "localhost", "all", or an address. */
    publish_address: z.union([z.enum(["localhost", "all"]), z.ipv4(), z.ipv6()]).optional(),
    /** Range of the network "default", when it is made. */
    subnet: z.cidrv4().optional(),
    /** The same of IPv6. */
    subnet_v6: z.cidrv6().optional(),
    /** UDP port of 127.0.0.1 at which the host finds containers by name. */
    dns_port: z.int().min(1).max(65_535).optional(),
    /** The file that names the host's name servers. */
    resolv_conf: z.string().startsWith("/").optional(),
  }).default({}),
  registry: z.strictObject({
    /** Where images come from that name no host. */
    domain: z.string().min(1).optional(),
  }).default({}),
});
export type Config = z.output<typeof Schema>;

/** @throws {CtrError} `usage` if the file is wrong. A file that is not there says nothing. */
export async function readConfig(path: string): Promise<Config> {
  return parseConfig(await readTomlText(path), path);
}

/** @param name What the text is called in errors. */
export function parseConfig(text: string, name: string): Config {
  return parseToml(text, name, Schema, knownKeys());
}

function knownKeys(): string[] {
  return Object.entries(Schema.shape).flatMap(([section, schema]) =>
    Object.keys(schema.unwrap().shape).map((key) => `${section}.${key}`)
  );
}

/** Lets a reader of core report to zod. */
function readWith(
  read: (text: string) => number,
  value: unknown,
  what: string,
  context: z.RefinementCtx<unknown>,
): number {
  try {
    if (typeof value === "string") return read(value);
    context.addIssue(`want ${what}`);
    return z.NEVER;
  } catch (error) {
    if (!isCtrError(error)) throw error;
    context.addIssue(error.message);
    return z.NEVER;
  }
}
