/** What a container made of an image would do: its config without what builders fill in by taste. */
import { z } from "zod";

const list = z.array(z.string()).nullish();
const set = z.record(z.string(), z.unknown()).nullish();
const Config = z.object({
  User: z.string().optional(),
  Env: list,
  Cmd: list,
  Entrypoint: list,
  WorkingDir: z.string().optional(),
  Labels: z.record(z.string(), z.string()).nullish(),
  ExposedPorts: set,
  Volumes: set,
  StopSignal: z.string().optional(),
  Shell: list,
  OnBuild: list,
  Healthcheck: z.record(z.string(), z.unknown()).nullish(),
});
const Document = z.object({
  architecture: z.string(),
  os: z.string(),
  author: z.string().optional(),
  config: Config.default({}),
  rootfs: z.object({ diff_ids: z.array(z.string()) }),
  history: z.array(z.object({ empty_layer: z.boolean().optional() })).default([]),
});
export type Document = z.output<typeof Document>;

export function parseDocument(text: string): Document {
  return Document.parse(JSON.parse(text));
}

/** Empty and absent say the same. */
export function meaning(document: Document): Record<string, unknown> {
  const { config } = document;
  const labels = Object.entries(config.Labels ?? {}).filter(([key]) =>
    key !== "io.buildah.version"
  );
  const said = {
    platform: `${document.os}/${document.architecture}`,
    author: document.author,
    ...config,
    Env: config.Env?.toSorted(),
    WorkingDir: config.WorkingDir === "/" ? "" : config.WorkingDir,
    Labels: labels.sort().map((pair) => pair.join("=")),
    ExposedPorts: Object.keys(config.ExposedPorts ?? {}).sort(),
    Volumes: Object.keys(config.Volumes ?? {}).sort(),
    Healthcheck: config.Healthcheck && JSON.stringify(sorted(config.Healthcheck)),
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => !empty(value)));
}

function sorted(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== 0).sort());
}

function empty(value: unknown): boolean {
  return value === undefined || value === null || value === "" ||
    Array.isArray(value) && value.length === 0;
}
