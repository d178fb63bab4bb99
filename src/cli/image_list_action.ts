import { z } from "zod";
import { CtrError, isCtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { familiarReference, splitReference } from "./familiar.ts";
import { prettyJson } from "./json.ts";
import { type Format, printList } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";

const Image = z.looseObject({
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
    config: z.looseObject({ created: z.string().optional() }),
  })),
});
type Image = z.output<typeof Image>;

interface ListFlags {
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly format: Format;
}

/** Lists images, by reference. */
export async function listImages(app: App, flags: ListFlags): Promise<void> {
  if (flags.quiet && flags.verbose) throw usage("cannot use --quiet together with --verbose");
  const engine = await app.engine();
  const images = parseAnswer(z.array(Image), await engine.get("/images"))
    .toSorted((a, b) => a.configuration.name < b.configuration.name ? -1 : 1);
  if (flags.verbose && flags.format === "table") return await listVariants(app, images);
  await printList(app, images, {
    ...flags,
    header: ["NAME", "TAG", "DIGEST"],
    row: ({ configuration: { name: reference, descriptor } }) => {
      const { name, tag } = splitReference(reference);
      return [name, tag, short(descriptor.digest)];
    },
    id: (image) => familiarReference(image.configuration.name),
  });
}

async function listVariants(app: App, images: readonly Image[]): Promise<void> {
  const rows = images.flatMap((image) => image.variants.map((variant) => ({ image, variant })));
  const header = "NAME|TAG|INDEX DIGEST|OS|ARCH|VARIANT|FULL SIZE|CREATED|MANIFEST DIGEST".split(
    "|",
  );
  await printList(app, rows, {
    format: "table",
    header,
    row: ({ image: { configuration }, variant: { platform, size, digest, config } }) => {
      const { name, tag } = splitReference(configuration.name);
      const { os, architecture, variant = "" } = platform;
      const index = short(configuration.descriptor.digest);
      const megabytes = `${(size / 1_000_000).toFixed(1)} MB`;
      return [
        name,
        tag,
        index,
        os,
        architecture,
        variant,
        megabytes,
        config.created ?? "",
        short(digest),
      ];
    },
    id: ({ image }) => image.configuration.name,
  });
}

/** Prints the images as a JSON array. Nothing is printed when one of them is missing. */
export async function inspectImages(app: App, references: readonly string[]): Promise<void> {
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
  app.stdout.line(prettyJson(found));
}

function short(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, 12);
}
