import { ImageDifference, NamedDigest } from "../api/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { prettyJson } from "./json.ts";
import { type Format, printList } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";
import { platform } from "./platform.ts";
import { followProgress } from "./progress.ts";

interface ConvertFlags {
  readonly compression?: string;
  readonly format?: string;
  readonly platform?: string;
  readonly progress: string;
}

/** Makes an image of other form and prints its reference. */
export async function convert(
  app: App,
  source: string,
  target: string,
  flags: ConvertFlags,
): Promise<void> {
  const { compression, format } = flags;
  if (compression === undefined && format === undefined && flags.platform === undefined) {
    throw usage("cannot convert: want --compression, --format or --platform");
  }
  const wanted = flags.platform === undefined ? undefined : platform(app, flags, "flags");
  const engine = await app.engine();
  const response = await engine.postStream("/images/convert", {
    source,
    target,
    ...(compression !== undefined && { compression }),
    ...(format !== undefined && { format }),
    ...(wanted !== undefined && { platform: wanted }),
  });
  const title = `converting ${source}`;
  const answer = await followProgress(app, response, { how: flags.progress, title });
  const { familiar, digest } = parseAnswer(NamedDigest, answer);
  if (flags.progress !== "none") app.stderr.line(`${familiar}: digest: ${digest}`);
  app.stdout.line(familiar);
}

interface DiffFlags {
  readonly platform?: string;
  readonly format: Format;
}

const LETTERS = { added: "A", changed: "C", deleted: "D" } as const;

/** Prints a line for each file, then one for each field of the configuration. */
export async function diff(app: App, a: string, b: string, flags: DiffFlags): Promise<void> {
  const wanted = flags.platform === undefined ? undefined : platform(app, flags, "flags");
  const engine = await app.engine();
  const request = { a, b, ...(wanted !== undefined && { platform: wanted }) };
  const answer = await engine.post("/images/diff", request, {});
  const difference = parseAnswer(ImageDifference, answer);
  if (flags.format === "json") return app.stdout.line(prettyJson(difference));
  const { files, config } = difference;
  if (flags.format !== "table") {
    return await printList(app, files, {
      format: flags.format,
      header: [],
      row: () => [],
      id: ({ path }) => path,
      fields: ({ kind, path }) => ({ Type: LETTERS[kind], Path: path }),
    });
  }
  const lines = files.map(({ kind, path }) => `${LETTERS[kind]} ${path}\n`);
  for (const { field, before, after } of config) {
    lines.push(`${field}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}\n`);
  }
  app.stdout.write(lines.join(""));
}
