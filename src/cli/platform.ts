import { hostArchitecture } from "../host/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";

export interface PlatformFlags {
  readonly platform?: string;
  readonly arch?: string;
  readonly os?: string;
}

const ALIASES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  aarch64: "arm64",
};

/**
 * The platform that was asked for.
 *
 * @param prefer `environment` (`run`, `create`) or `flags` (`image …`): whether
 * `CTR_DEFAULT_PLATFORM` goes before `--os` and `--arch`.
 */
export function platform(
  app: App,
  flags: PlatformFlags,
  prefer: "environment" | "flags",
): string | undefined {
  if (flags.platform !== undefined) return checked("--platform", flags.platform);
  const parts = flags.arch !== undefined || flags.os !== undefined
    ? `${flags.os ?? "linux"}/${flags.arch ?? hostArchitecture()}`
    : undefined;
  const preset = app.env("CTR_DEFAULT_PLATFORM") || app.env("CONTAINER_DEFAULT_PLATFORM");
  if (preset && (prefer === "environment" || parts === undefined)) {
    app.stderr.line(`warning: the platform is ${preset}, from CTR_DEFAULT_PLATFORM`);
    return checked("CTR_DEFAULT_PLATFORM", preset);
  }
  return parts === undefined ? undefined : checked("--os and --arch", parts);
}

function checked(flag: string, text: string): string {
  const [os = "", arch = "", ...rest] = text.toLowerCase().split("/");
  const value = [os, ALIASES[arch] ?? arch, ...rest].join("/");
  if (/^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9.]+)?$/.test(value)) return value;
  throw usage(`cannot use ${flag} "${text}": want os/arch[/variant], for example linux/arm64`);
}
