import { z } from "zod";
import {
  BuildAnswer,
  BuildCacheRecord,
  BuilderStatus,
  BuildEvent,
  Container,
  ContainerStats,
  EngineEvent,
  FileChange,
  ImageDifference,
  ImageStep,
  Network,
  Progress,
  SystemDf,
  SystemStatus,
  TopProcess,
  VerboseDf,
  Volume,
  VolumeCheck,
} from "../../src/api/mod.ts";
import { Image } from "../../src/cli/image_list_action.ts";

interface Document {
  readonly schema: z.ZodType;
  /** The commands that print it. */
  readonly printedBy: string;
}

const time = z.iso.datetime();

const Login = z.strictObject({
  id: z.string(),
  name: z.string(),
  username: z.string(),
  creationDate: time,
  modificationDate: time,
  labels: z.record(z.string(), z.string()),
});

const Status = z.union([
  z.strictObject({ status: z.literal("running"), ...SystemStatus.shape }),
  z.strictObject({ status: z.literal("not running"), home: z.string() }),
]);

/** What `--format json` prints, by the name of the schema's file. */
export const DOCUMENTS: Readonly<Record<string, Document>> = {
  containers: {
    schema: z.array(Container),
    printedBy: "ctr ls --format json; ctr inspect --type container",
  },
  images: {
    schema: z.array(Image),
    printedBy: "ctr image ls --format json; ctr image inspect",
  },
  "image-history": {
    schema: z.array(ImageStep),
    printedBy: "ctr image history --format json",
  },
  "image-diff": { schema: ImageDifference, printedBy: "ctr image diff --format json" },
  volumes: {
    schema: z.array(Volume),
    printedBy: "ctr volume ls --format json; ctr volume inspect",
  },
  networks: {
    schema: z.array(Network),
    printedBy: "ctr network ls --format json; ctr network inspect",
  },
  "volume-check": { schema: z.array(VolumeCheck), printedBy: "ctr volume check --format json" },
  changes: { schema: z.array(FileChange), printedBy: "ctr diff --format json" },
  event: { schema: EngineEvent, printedBy: "ctr events --format json, a line each" },
  logins: { schema: z.array(Login), printedBy: "ctr registry ls --format json" },
  "system-status": { schema: Status, printedBy: "ctr system status --format json" },
  "system-df": { schema: SystemDf, printedBy: "ctr system df --format json" },
  "system-df-verbose": {
    schema: VerboseDf,
    printedBy: "ctr system df --verbose --format json",
  },
  stats: { schema: z.array(ContainerStats), printedBy: "ctr stats --format json" },
  top: { schema: z.array(TopProcess), printedBy: "ctr top --format json" },
  "system-version": {
    schema: z.array(z.strictObject({ component: z.string(), version: z.string() })),
    printedBy: "ctr system version --format json",
  },
  version: {
    schema: z.strictObject({ deno: z.string(), version: z.string() }),
    printedBy: "ctr version --format json",
  },
  "builder-status": {
    schema: z.array(BuilderStatus),
    printedBy: "ctr builder status --format json",
  },
  "builder-cache": {
    schema: z.array(BuildCacheRecord),
    printedBy: "ctr builder du --format json",
  },
  "build-answer": {
    schema: BuildAnswer,
    printedBy: "ctr build --call check|outline|targets,format=json",
  },
  "build-event": {
    schema: BuildEvent,
    printedBy: "ctr build --progress rawjson, a line each on standard error",
  },
  progress: { schema: Progress, printedBy: "--progress json, a line each on standard error" },
};

/** `docs/schemas/*.json`: path and text. */
export function schemaFiles(): [string, string][] {
  return Object.entries(DOCUMENTS).map(([name, { schema, printedBy }]) => {
    const document = {
      ...z.toJSONSchema(schema, { io: "output", unrepresentable: "any" }),
      title: name,
      description: `What is printed by: ${printedBy}`,
    };
    return [`docs/schemas/${name}.json`, `${JSON.stringify(document, undefined, 2)}\n`];
  });
}
