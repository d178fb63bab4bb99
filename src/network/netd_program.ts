import { findAsset, hostArchitecture } from "../host/mod.ts";

/** @returns Its path. @throws {CtrError} `unavailable` if it was not built. */
export async function netdProgram(): Promise<string> {
  return await findAsset({
    kind: "netd",
    architecture: hostArchitecture() === "arm64" ? "arm64" : "x86_64",
    name: "netd",
    built: "netd",
    purpose: "run a network",
  });
}
