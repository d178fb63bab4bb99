/**
 * Dockerfiles: text in, instructions with their places out; variables, mounts, ignore files, globs, lints.
 *
 * Bytes are enough to test all of it: nothing here reads a file, knows an image or runs anything.
 *
 * ```ts
 * parseDockerfile(text, { name: "Dockerfile" }): Dockerfile              // bad-data with file:line:column
 * parseOnbuild(trigger, imageReference): StageInstruction                // one trigger of a base image
 * expandWord(word, { lookup, escape }): string                           // quotes removed, one word
 * expandWords(word, { lookup, escape }): string[]                        // and split at white space
 * expandRaw(text, { lookup, escape }): string                            // quotes stay: heredocs of COPY
 * expandInstruction(instruction, { lookup, escape }): same type          // all that Docker expands in it
 * parseRunMount(value, { index }): RunMount                              // of an expanded `mounts` entry
 * parseIgnoreFile(text): IgnoreMatcher                                   // .dockerignore
 * compileGlob(pattern): (path: string) => boolean                        // of COPY and ADD
 * hasGlob(pattern): boolean
 * lint(dockerfile, options): Finding[]; targets(dockerfile); outline(dockerfile, options)
 * ```
 *
 * @module
 */
export type * from "./types.ts";
