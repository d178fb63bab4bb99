import { registryEnvironment } from "../api/wire/mod.ts";
import { CtrError } from "../core/mod.ts";
import {
  checkRegistry as steps,
  type CheckStep,
  forgetNetwork,
  hostOfKey,
} from "../registry/mod.ts";
import type { App } from "./app.ts";
import { prettyJson } from "./json.ts";
import { registryOf } from "./registry_login_action.ts";

interface CheckFlags {
  readonly scheme: "http" | "https" | "auto";
  readonly format: "table" | "json";
}

/** Prints each step on the way to a registry as it is taken; fails at the first that fails. */
export async function checkRegistry(
  app: App,
  registry: string | undefined,
  flags: CheckFlags,
): Promise<void> {
  const host = hostOfKey(await registryOf(registry));
  const environment = registryEnvironment();
  forgetNetwork();
  const home = await app.home();
  const taken: CheckStep[] = [];
  for await (const step of steps(host, { environment, home, scheme: flags.scheme })) {
    taken.push(step);
    if (flags.format === "table") app.stdout.line(line(step));
  }
  const failed = taken.find(({ status }) => status === "failed");
  if (flags.format === "json") {
    app.stdout.line(prettyJson({ registry: host, ok: failed === undefined, steps: taken }));
  }
  if (failed) {
    const message = `cannot use the registry "${host}": ${failed.fact}`;
    throw new CtrError("unavailable", message, { hint: failed.hint });
  }
}

/** Columns of a fixed width: a step is shown before the next is known. */
function line({ name, status, fact }: CheckStep): string {
  return `${name.padEnd(13)}  ${status.padEnd(7)}  ${fact}`;
}
