import { z } from "zod";
import { Container } from "../api/mod.ts";
import { CtrError, isCtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import type { EngineClient } from "./engine_client.ts";
import { imageInspectFields } from "./image_inspect_fields.ts";
import { inspectFields } from "./inspect_fields.ts";
import { printInspected } from "./inspected.ts";
import type { Format } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";

const TYPES = ["container", "image", "volume"] as const;
type Type = typeof TYPES[number];

interface InspectFlags {
  readonly format?: Format;
  readonly type?: Type;
}

const PATHS: Readonly<Record<Type, (reference: string) => string>> = {
  container: (reference) => `/containers/${encodeURIComponent(reference)}`,
  image: (reference) => `/images/inspect?ref=${encodeURIComponent(reference)}`,
  volume: (reference) => `/volumes/${encodeURIComponent(reference)}`,
};

/**
 * Prints what each name stands for as a JSON array: a container, or else an image, or else a volume.
 * Nothing is printed when one of them is missing.
 */
export async function inspect(
  app: App,
  references: readonly string[],
  flags: InspectFlags = {},
): Promise<void> {
  const engine = await app.engine();
  const types = flags.type ? [flags.type] : TYPES;
  const found: { type: Type; value: object }[] = [];
  const missing: string[] = [];
  for (const reference of new Set(references)) {
    const one = await lookUp(engine, reference, types);
    if (one) found.push(one);
    else missing.push(reference);
  }
  if (missing.length > 0) {
    const names = missing.map((name) => `"${name}"`).join(", ");
    const what = flags.type ?? "container, image or volume";
    throw new CtrError("not-found", `cannot inspect ${names}: there is no such ${what}`, {
      hint: flags.type === undefined || flags.type === "container"
        ? 'see "ctr ls -a"'
        : `see "ctr ${flags.type} ls"`,
    });
  }
  const containers = new Map(
    found.flatMap(({ type, value }) => type === "container" ? [[value, value as Container]] : []),
  );
  await printInspected(app, found.map(({ value }) => value), flags.format, (value) => {
    const container = containers.get(value);
    return container ? inspectFields(container) : imageInspectFields(value);
  });
}

async function lookUp(engine: EngineClient, reference: string, types: readonly Type[]) {
  for (const type of types) {
    try {
      const answer = await engine.get(PATHS[type](reference));
      const value: object = type === "container"
        ? parseAnswer(Container, answer)
        : parseAnswer(z.looseObject({}), answer);
      return { type, value };
    } catch (error) {
      // What cannot be a name of one kind may be a name of another.
      if (!isCtrError(error, "not-found") && !isCtrError(error, "usage")) throw error;
      if (types.length === 1 && isCtrError(error, "usage")) throw error;
    }
  }
  return undefined;
}
