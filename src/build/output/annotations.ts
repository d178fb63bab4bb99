/** `--annotation`, and what an output adds to it. */
import type { BuildRequest } from "../../api/mod.ts";
import { type ImageExtras, NO_EXTRAS } from "./image.ts";

type Annotations = Readonly<Record<string, string>>;

export type Extras = ImageExtras & { readonly indexAnnotations: Annotations };

export function extrasOf(
  { annotations }: BuildRequest,
  own: Annotations,
  docker: boolean,
): Extras {
  const of = (level: BuildRequest["annotations"][number]["level"]): Annotations =>
    Object.fromEntries(
      annotations.filter((each) => each.level === level).map(({ key, value }) => [key, value]),
    );
  return {
    ...NO_EXTRAS,
    docker,
    // Docker's formats have no place for them.
    manifestAnnotations: docker ? {} : { ...of("manifest"), ...own },
    descriptorAnnotations: docker ? {} : of("manifest-descriptor"),
    indexAnnotations: docker ? {} : of("index"),
  };
}
