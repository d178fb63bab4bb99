import { z } from "zod";
import { familiarReference } from "./familiar.ts";

const texts = z.array(z.string()).nullish();

/** Of an image's answer, what docker has names for. */
const Facts = z.looseObject({
  configuration: z.looseObject({
    name: z.string(),
    creationDate: z.string(),
    descriptor: z.looseObject({ digest: z.string() }),
  }),
  variants: z.array(z.looseObject({
    platform: z.looseObject({ os: z.string(), architecture: z.string() }),
    size: z.number(),
    config: z.looseObject({
      created: z.string().optional(),
      config: z.looseObject({
        Env: texts,
        Cmd: texts,
        Entrypoint: texts,
        Labels: z.record(z.string(), z.string()).nullish(),
        WorkingDir: z.string().nullish(),
        User: z.string().nullish(),
      }).nullish(),
    }),
  })),
});

/** Docker's names for what `inspect` knows of an image, for templates: `{{.Config.Env}}`. */
export function imageInspectFields(image: object): Record<string, unknown> {
  const read = Facts.safeParse(image);
  if (!read.success) return {};
  const { configuration: { name, descriptor, creationDate }, variants } = read.data;
  const [first] = variants;
  const config = first?.config.config;
  const familiar = familiarReference(name);
  return {
    Id: descriptor.digest,
    ID: descriptor.digest,
    RepoTags: familiar.includes("@") ? [] : [familiar],
    RepoDigests: [`${familiar.replace(/[:@][^/]*$/, "")}@${descriptor.digest}`],
    Created: first?.config.created ?? creationDate,
    Architecture: first?.platform.architecture ?? "",
    Os: first?.platform.os ?? "",
    Size: first?.size ?? 0,
    Config: {
      Env: config?.Env ?? [],
      Cmd: config?.Cmd ?? [],
      Entrypoint: config?.Entrypoint ?? [],
      Labels: config?.Labels ?? {},
      WorkingDir: config?.WorkingDir ?? "",
      User: config?.User ?? "",
    },
  };
}
