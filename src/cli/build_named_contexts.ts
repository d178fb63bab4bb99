import { resolve } from "node:path";
import type { BuildRequestInput } from "../api/mod.ts";
import { folderContext, remoteContext } from "./build_context.ts";
import { usage } from "./errors.ts";

type Contexts = NonNullable<BuildRequestInput["contexts"]>;
type Named = Contexts[string];

/**
 * `--build-context NAME=…`: a folder, `docker-image://REF`, `oci-layout://PATH[:tag][@digest]`,
 * `target:STAGE`, a Git or http address.
 *
 * @throws {CtrError} `usage`, `not-found`.
 */
export async function namedContexts(texts: readonly string[]): Promise<Contexts> {
  const found: Record<string, Named> = {};
  for (const text of texts) {
    const [name = "", source = ""] = text.split(/=(.*)/s);
    if (name === "" || source === "") {
      throw usage(`cannot use --build-context "${text}": want name=source`);
    }
    found[name.toLowerCase()] = await namedContext(text, source);
  }
  return found;
}

async function namedContext(text: string, source: string): Promise<Named> {
  const [, scheme = "", rest = ""] = /^(docker-image|oci-layout|target|input):(?:\/\/)?(.*)$/s
    .exec(source) ?? [];
  if (scheme === "docker-image") return { kind: "image", reference: rest };
  if (scheme === "target") return { kind: "target", stage: rest };
  if (scheme === "oci-layout") return ociLayout(rest);
  if (scheme === "input") throw usage(`cannot use --build-context "${text}": it is for bake files`);
  const remote = remoteContext(source);
  if (remote) return remote;
  return await folderContext(source, `cannot use --build-context "${text}"`);
}

/** `PATH[:tag][@digest]`. */
function ociLayout(text: string): Named {
  const [, before = "", digest] = /^(.*?)(?:@([^/@]+:[0-9a-f]+))?$/s.exec(text) ?? [];
  const [, path = "", tag] = /^(.*?)(?::([\w.-]+))?$/s.exec(before) ?? [];
  return {
    kind: "oci-layout",
    path: resolve(path),
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  };
}
