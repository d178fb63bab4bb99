import { CtrError } from "../core/mod.ts";
import { usage } from "./errors.ts";
import { familiarReference, splitReference } from "./familiar.ts";

/** What filters look at. */
export interface FilteredImage {
  readonly configuration: { readonly name: string; readonly creationDate: string };
  readonly variants: readonly {
    readonly config: {
      readonly created?: string | undefined;
      readonly config?:
        | { readonly Labels?: Readonly<Record<string, string>> | null | undefined }
        | null
        | undefined;
    };
  }[];
}

type Test = (image: FilteredImage) => boolean;

/**
 * The images that every `--filter` and the repository let pass. Filters of one kind are
 * alternatives, but for labels, which must all be there: as Docker has it.
 *
 * @throws {CtrError} `usage`, `not-found` if `before` or `since` names no image.
 */
export function filterImages<T extends FilteredImage>(
  images: readonly T[],
  filters: readonly string[],
  repository: string | undefined,
): T[] {
  const kinds = new Map<string, Test[]>();
  for (const filter of filters) {
    const [kind, test] = parseFilter(filter, images);
    const key = kind === "label" ? filter : kind;
    kinds.set(key, [...kinds.get(key) ?? [], test]);
  }
  if (repository !== undefined) kinds.set("repository", [nameMatches(repository)]);
  return images.filter((image) =>
    [...kinds.values()].every((tests) => tests.some((test) => test(image)))
  );
}

function parseFilter(
  filter: string,
  images: readonly FilteredImage[],
): [kind: string, test: Test] {
  const [, kind = "", not = "", value = ""] = /^([a-z]+)(!?)=(.+)$/.exec(filter) ?? [];
  const bad = (fact: string) => usage(`cannot use --filter "${filter}": ${fact}`);
  if (not && kind !== "label") throw bad("only label can be negated");
  switch (kind) {
    case "dangling": {
      if (!["true", "false", "1", "0"].includes(value)) throw bad("want true or false");
      const wanted = value === "true" || value === "1";
      return [kind, (image) => isNameless(image) === wanted];
    }
    case "label":
      return [kind, (image) => hasLabel(image, value) !== (not === "!")];
    case "reference":
      return [kind, nameMatches(value)];
    case "before":
    case "since": {
      const limit = createdMs(find(images, value, filter));
      return [
        kind,
        (image) => kind === "before" ? createdMs(image) < limit : createdMs(image) > limit,
      ];
    }
    default:
      throw bad("want dangling, label, reference, before or since, each with =VALUE");
  }
}

export function isNameless({ configuration: { name } }: FilteredImage): boolean {
  return name.startsWith("docker.io/library/untagged@");
}

function hasLabel({ variants }: FilteredImage, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  const key = equals < 0 ? wanted : wanted.slice(0, equals);
  return variants.some(({ config }) => {
    const labels = config.config?.Labels ?? {};
    return Object.hasOwn(labels, key) &&
      (equals < 0 || labels[key] === wanted.slice(equals + 1));
  });
}

/** `alpine`, `alp*`, `*:3`, `localhost:5000/x`: a star stops at a slash. */
function nameMatches(pattern: string): Test {
  const source = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", "[^/]*").replaceAll("?", "[^/]");
  const expression = new RegExp(`^${source}$`);
  return ({ configuration: { name } }) => {
    const short = familiarReference(name);
    return [name, short, splitReference(name).name].some((text) => expression.test(text));
  };
}

function find(
  images: readonly FilteredImage[],
  reference: string,
  filter: string,
): FilteredImage {
  const wanted = [reference, `${reference}:latest`].map(familiarReference);
  const found = images.find(({ configuration: { name } }) =>
    wanted.includes(familiarReference(name))
  );
  if (found) return found;
  throw new CtrError("not-found", `cannot use --filter "${filter}": there is no such image`, {
    hint: 'see "ctr image ls"',
  });
}

function createdMs({ variants, configuration }: FilteredImage): number {
  const made = Date.parse(variants[0]?.config.created ?? "");
  return Number.isNaN(made) ? Date.parse(configuration.creationDate) : made;
}
