/** What the steps of one stage have in common. */
import type { StageInstruction } from "../../dockerfile/mod.ts";
import type { Platform } from "../../oci/mod.ts";
import type { CachedStep } from "../cache/step_cache.ts";
import type { Job } from "../job.ts";
import type { StepReport } from "../reporter.ts";
import type { BaseImage } from "../source/base_image.ts";
import type { SourceTree } from "../source/tree.ts";
import type { ConfigObject } from "./config.ts";
import type { Root } from "./root.ts";
import type { Variables } from "./variables.ts";

/** What `--from` can name. */
export type Origin =
  | { readonly kind: "stage"; readonly root: Root }
  | { readonly kind: "image"; readonly image: BaseImage }
  | { readonly kind: "tree"; readonly tree: SourceTree };

/** What a step finds. */
export interface StageContext {
  readonly job: Job;
  readonly platform: Platform;
  readonly root: Root;
  readonly config: ConfigObject;
  readonly variables: Variables;
  readonly report: StepReport;
  /** The cache is not asked. */
  readonly noCache: boolean;
  /** Unique in the build; letters, digits, `_.-`. */
  readonly stepId: string;
  /** Undefined: the context. */
  origin(name: string | undefined): Promise<Origin>;
  /** Something must be made: what comes after it will not be cached. */
  onMiss(): void;
}

/** What a step leaves. */
export interface StepEnd {
  readonly root: Root;
  /** Undefined while it is not known: its layer is still being packed. */
  readonly step: Promise<CachedStep>;
}

export type Instruction<K extends StageInstruction["keyword"]> = Extract<
  StageInstruction,
  { readonly keyword: K }
>;
