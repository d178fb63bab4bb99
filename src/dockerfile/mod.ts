/**
 * Dockerfiles: text in, instructions with their places out; variables, mounts, ignore files, globs, lints.
 *
 * Bytes are enough to test all of it: nothing here reads a file, knows an image or runs anything.
 *
 * @module
 */
export { expandRaw, expandWord, expandWords } from "./expand.ts";
export type { ExpandOptions } from "./expand.ts";
export { expandInstruction } from "./expand_instruction.ts";
export type { ExpandInstructionOptions } from "./expand_instruction.ts";
export { DockerfileError, isDockerfileError, placed } from "./failure.ts";
export { parseDockerfile, parseOnbuild } from "./parse.ts";
export { parseRunMount } from "./run_mount.ts";
export { titleOf } from "./title.ts";
export type * from "./types.ts";
export { compileGlob, hasGlob } from "./glob.ts";
export type { Glob } from "./glob.ts";
export { compileIgnore, parseIgnoreFile } from "./ignore.ts";
export type { IgnoreMatcher } from "./ignore.ts";
export { lint } from "./lint/lint.ts";
export type { LintOptions, LintResult } from "./lint/lint.ts";
export { outline, targets } from "./outline.ts";
export type { Outline, TargetDescription } from "./outline.ts";
export { globalVariables, PLATFORM_ARGS, PROXY_ARGS } from "./scope.ts";
