import { formatPlatform, type Platform } from "../../oci/mod.ts";

/** What BUILDPLATFORM and its like are. */
export function platformVariables(
  host: Platform,
  target: Platform,
  targetStage: string,
): Readonly<Record<string, string>> {
  return { ...of("BUILD", host), ...of("TARGET", target), TARGETSTAGE: targetStage };
}

function of(prefix: string, platform: Platform): Record<string, string> {
  return {
    [`${prefix}PLATFORM`]: formatPlatform(platform),
    [`${prefix}OS`]: platform.os,
    [`${prefix}ARCH`]: platform.architecture,
    [`${prefix}VARIANT`]: platform.variant ?? "",
  };
}
