/**
 * Builds images from Dockerfiles: contexts, stages, steps, their cache, and what is made of the result.
 *
 * @module
 */
export { cachedLayers, openBuilder } from "./builder.ts";
export { openStepRunner } from "./run/runner.ts";
export type { RunContext } from "./run/context.ts";
export type { Builder, BuilderOptions, BuilderUsage, BuildIo } from "./types.ts";
