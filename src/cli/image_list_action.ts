import { z } from "zod";
import { CtrError, isCtrError } from "../core/mod.ts";
import { roughly } from "./ago.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { familiarReference, splitReference } from "./familiar.ts";
import { filterImages, isNameless } from "./image_filters.ts";
import { imageInspectFields } from "./image_inspect_fields.ts";
import { printInspected } from "./inspected.ts";
import { type Format, printList } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";

/** An image as the engine tells it and `--format json` prints it. */
export const Image = z.looseObject({
  id: z.string(),
  configuration: z.looseObject({
    name: z.string(),
    creationDate: z.string(),
    descriptor: z.looseObject({ digest: z.string() }),
  }),
  variants: z.array(z.looseObject({
    platform: z.looseObject({
      os: z.string(),
      architecture: z.string(),
      variant: z.string().optional(),
    }),
    digest: z.string(),
    size: z.number(),
    config: z.looseObject({
      created: z.string().optional(),
      config: z.looseObject({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
    }),
  })),
});
type Image = z.output<typeof Image>;

interface ListFlags {
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly digests?: boolean;
  readonly trunc: boolean;
  readonly filter?: readonly string[];
  readonly format: Format;
}

/** Lists images, by reference. */
export async function listImages(
  app: App,
  repository: string | undefined,
  flags: ListFlags,
): Promise<void> {
  if (flags.quiet && flags.verbose) throw usage("cannot use --quiet together with --verbose");
  const engine = await app.engine();
  const all = parseAnswer(z.array(Image), await engine.get("/images"))
    .toSorted((a, b) => a.configuration.name < b.configuration.name ? -1 : 1);
  const images = filterImages(all, flags.filter ?? [], repository);
  const whole = Boolean(flags.digests) || !flags.trunc;
  const shown = (digest: string) => whole ? digest : short(digest);
  if (flags.verbose && flags.format === "table") return await listVariants(app, images, shown);
  await printList(app, images, {
    ...flags,
    header: ["NAME", "TAG", "DIGEST"],
    row: (image) => {
      const { name, tag } = nameOf(image);
      return [name, tag, shown(image.configuration.descriptor.digest)];
    },
    id: (image) => familiarReference(image.configuration.name),
    fields: (image) => templateFields(image, shown),
  });
}

/** A nameless image is `<none>` in both columns, as people know it. */
function nameOf(image: Image): { name: string; tag: string } {
  if (isNameless(image)) return { name: "<none>", tag: "<none>" };
  return splitReference(image.configuration.name);
}

/** Docker's names for `--format '{{…}}'`. */
function templateFields(image: Image, shown: (digest: string) => string) {
  const { name, tag } = nameOf(image);
  const { descriptor, creationDate } = image.configuration;
  const created = image.variants[0]?.config.created ?? creationDate;
  const size = Math.max(0, ...image.variants.map((variant) => variant.size));
  return {
    Repository: name,
    Tag: tag,
    ID: shown(descriptor.digest),
    Digest: descriptor.digest,
    CreatedAt: created,
    CreatedSince: `${roughly(Date.now() - Date.parse(created))} ago`,
    Size: megabytes(size),
  };
}

async function listVariants(
  app: App,
  images: readonly Image[],
  shown: (digest: string) => string,
): Promise<void> {
  const rows = images.flatMap((image) => image.variants.map((variant) => ({ image, variant })));
  const header = "NAME|TAG|INDEX DIGEST|OS|ARCH|VARIANT|FULL SIZE|CREATED|MANIFEST DIGEST".split(
    "|",
  );
  await printList(app, rows, {
    format: "table",
    header,
    row: ({ image, variant: { platform, size, digest, config } }) => {
      const { name, tag } = nameOf(image);
      const { os, architecture, variant = "" } = platform;
      const index = shown(image.configuration.descriptor.digest);
      return [
        name,
        tag,
        index,
        os,
        architecture,
        variant,
        megabytes(size),
        config.created ?? "",
        shown(digest),
      ];
    },
    id: ({ image }) => image.configuration.name,
  });
}

/** Prints the images as a JSON array. Nothing is printed when one of them is missing. */
export async function inspectImages(
  app: App,
  references: readonly string[],
  flags: { readonly format?: Format } = {},
): Promise<void> {
  const engine = await app.engine();
  const found: Image[] = [];
  const missing: string[] = [];
  for (const reference of new Set(references)) {
    try {
      const answer = await engine.get(`/images/inspect?ref=${encodeURIComponent(reference)}`);
      found.push(parseAnswer(Image, answer));
    } catch (error) {
      if (!isCtrError(error, "not-found")) throw error;
      missing.push(reference);
    }
  }
  if (missing.length > 0) {
    const names = missing.map((name) => `"${name}"`).join(", ");
    throw new CtrError("not-found", `cannot inspect ${names}: there is no such image`, {
      hint: 'see "ctr image ls"',
    });
  }
  await printInspected(app, found, flags.format, imageInspectFields);
}

function megabytes(size: number): string {
  return `${(size / 1_000_000).toFixed(1)} MB`;
}

function short(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, 12);
}
