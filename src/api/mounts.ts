import { z } from "zod";

/** Absolute, without NUL. */
const path = z.string().regex(/^\/[^\0]*$/, "a path begins with a slash");

/** Docker's rule for volumes. */
export const volumeName = z.string().regex(
  /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/,
  "a volume's name has 1 to 255 letters, digits, dots, dashes and underscores, a letter or digit first",
);

/** What `-v` and `--mount` ask for, one mount each. */
export const MountSpec = z.discriminatedUnion("type", [
  /** A folder or a file of the host. A unix socket becomes `socket`. */
  z.strictObject({
    type: z.literal("bind"),
    source: path,
    target: path,
    readonly: z.boolean().default(false),
    /** Make the folder on the host when it is missing, as `-v` of Docker does. */
    create: z.boolean().default(false),
  }),
  /** Without a source: an anonymous volume. */
  z.strictObject({
    type: z.literal("volume"),
    source: volumeName.optional(),
    target: path,
    readonly: z.boolean().default(false),
    /** An empty volume takes the content of the image's path. */
    copy: z.boolean().default(true),
    subpath: z.string().optional(),
    /** For a volume that is made for it. */
    options: z.record(z.string(), z.string()).default({}),
    labels: z.record(z.string(), z.string()).default({}),
  }),
  /** A unix socket of the host that the container may connect to at `target`. */
  z.strictObject({ type: z.literal("socket"), source: path, target: path }),
]);
export type MountSpec = z.output<typeof MountSpec>;

/** A unix socket of the container at `target` that the host may connect to at `source`. */
export const PublishedSocket = z.strictObject({ source: path, target: path });
export type PublishedSocket = z.output<typeof PublishedSocket>;

export const Device = z.strictObject({
  /** In the guest. */
  source: path,
  destination: path,
  access: z.string().regex(/^[rwm]{1,3}$/).default("rwm"),
});
export type Device = z.output<typeof Device>;

/** A mount as `inspect` shows it. */
export const Mount = z.strictObject({
  type: z.enum(["bind", "volume", "tmpfs", "socket"]),
  /** The volume's. */
  name: z.string().optional(),
  /** On the host. */
  source: z.string(),
  destination: z.string(),
  readonly: z.boolean(),
  options: z.array(z.string()).default([]),
});
export type Mount = z.output<typeof Mount>;
