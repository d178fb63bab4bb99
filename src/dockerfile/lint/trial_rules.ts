import { hasGlob } from "../glob.ts";
import type { IgnoreMatcher } from "../ignore.ts";
import type { Dockerfile, Finding } from "../types.ts";
import { finding } from "./rules.ts";

/** Rules that Docker has in trial. */
export function trialFindings(
  dockerfile: Dockerfile,
  ignore: IgnoreMatcher | undefined,
): Finding[] {
  return [...ignoredCopies(dockerfile, ignore), ...descriptions(dockerfile)];
}

function ignoredCopies({ stages }: Dockerfile, ignore: IgnoreMatcher | undefined): Finding[] {
  if (!ignore) return [];
  return stages.flatMap(({ instructions }) => instructions).flatMap((each) => {
    if (each.keyword !== "COPY" && each.keyword !== "ADD") return [];
    if (each.keyword === "COPY" && each.from !== undefined) return [];
    return each.sources.filter((source) => isLocal(source) && ignore.ignores(inContext(source)))
      .map((source) => {
        const verb = each.keyword === "COPY" ? "Copy" : "Add";
        const message = `Attempting to ${verb} file "${source}" that is excluded by .dockerignore`;
        return finding("CopyIgnoredFile", message, each.range);
      });
  });
}

function isLocal(source: string): boolean {
  return !/\$|:\/\/|^git@/.test(source) && !hasGlob(source);
}

function inContext(source: string): string {
  return source.split("/").filter((part) => part !== "" && part !== ".").join("/") || ".";
}

function descriptions({ globalArgs, stages }: Dockerfile): Finding[] {
  const named = [
    ...globalArgs.map((each) => ({ ...each, names: each.args.map(({ name }) => name) })),
    ...stages.map((each) => ({ ...each, names: each.name === undefined ? [] : [each.name] })),
    ...stages.flatMap(({ instructions }) => instructions).flatMap((each) =>
      each.keyword === "ARG" ? [{ ...each, names: each.args.map(({ name }) => name) }] : []
    ),
  ];
  return named.filter(({ comments, names }) => {
    const own = comments.filter((comment) => !/^(syntax|escape|check)\s*=/i.test(comment));
    const describes = (comment: string) => names.some((name) => comment.startsWith(`${name} `));
    return names.length > 0 && own.length > 0 && !own.some(describes);
  }).map(({ names, range }) => {
    const message = `Comment for build stage or argument should follow the format: \`# ${
      names[0]
    } <description>\`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.`;
    return finding("InvalidDefinitionDescription", message, range);
  });
}
