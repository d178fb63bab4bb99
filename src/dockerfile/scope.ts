import { expandWord } from "./expand.ts";
import { placed } from "./failure.ts";
import type { Dockerfile, Lookup } from "./types.ts";

/** Build arguments that need no ARG, and that neither history nor cache keys know. */
export const PROXY_ARGS: readonly string[] = [
  "HTTP_PROXY",
  "http_proxy",
  "HTTPS_PROXY",
  "https_proxy",
  "FTP_PROXY",
  "ftp_proxy",
  "NO_PROXY",
  "no_proxy",
  "ALL_PROXY",
  "all_proxy",
];

/** Known before the first FROM, and in a stage behind an ARG of the same name. */
export const PLATFORM_ARGS: readonly string[] = [
  "BUILDPLATFORM",
  "BUILDOS",
  "BUILDARCH",
  "BUILDVARIANT",
  "TARGETPLATFORM",
  "TARGETOS",
  "TARGETARCH",
  "TARGETVARIANT",
  "TARGETSTAGE",
];

/**
 * What the ARGs before the first FROM give. Later ones see earlier ones.
 *
 * @param buildArgs `--build-arg`: instead of defaults.
 * @param predefined Values of `PLATFORM_ARGS`.
 * @returns Those that have a value.
 * @throws {CtrError} `bad-data` with its place.
 */
export function globalVariables(
  dockerfile: Pick<Dockerfile, "name" | "globalArgs" | "directives">,
  buildArgs: Readonly<Record<string, string>>,
  predefined: Readonly<Record<string, string>> = {},
): Map<string, string> {
  const values = new Map<string, string>();
  const given = (name: string) => Object.hasOwn(buildArgs, name) ? buildArgs[name] : undefined;
  const lookup: Lookup = (name) =>
    values.get(name) ?? (Object.hasOwn(predefined, name) ? predefined[name] : undefined);
  const options = { lookup, escape: dockerfile.directives.escape };
  for (const { args, range } of dockerfile.globalArgs) {
    placed(dockerfile.name, range, () => {
      for (const arg of args) {
        const name = expandWord(arg.name, options);
        const value = given(name) ??
          (arg.value === undefined ? undefined : expandWord(arg.value, options));
        if (value !== undefined) values.set(name, value);
      }
    });
  }
  return values;
}
