import type { NetworkAttachment } from "../../api/mod.ts";
import { CtrError } from "../../core/mod.ts";
import { configure } from "../configure.ts";
import type { Context } from "../context.ts";
import type { Lifetime } from "../lifetime.ts";
import { wrongState } from "../wrong_state.ts";

export type NetworkChange =
  | { readonly connect: NetworkAttachment }
  | { readonly disconnect: string };

/**
 * Connects a container to a network, or takes it out of one. A VM gets no device while it runs, so the
 * container must not.
 *
 * @throws {CtrError} `invalid-state` if it runs, `exists`, `not-found`.
 */
export async function changeNetworks(
  life: Lifetime,
  { records, networks }: Pick<Context, "records" | "networks">,
  change: NetworkChange,
): Promise<void> {
  await life.mutex.run(async () => {
    const { config, live } = life;
    const verb = "connect" in change ? "connect" : "disconnect";
    const asked = "connect" in change ? change.connect.name : change.disconnect;
    const { name } = networks.get(asked);
    if (live && !live.ended) {
      const fact = "it runs, and its VM gets its networks when it starts";
      throw wrongState(config.name, verb, fact, `stop it first: ctr stop ${config.name}`);
    }
    const has = config.networks.some((each) => each.name === name);
    const where = `network "${name}"`;
    if (verb === "connect" && has) {
      throw new CtrError("exists", `cannot connect "${config.name}": it is in ${where} already`);
    }
    if (verb === "disconnect" && !has) {
      throw new CtrError("not-found", `cannot disconnect "${config.name}": it is not in ${where}`);
    }
    const next = "connect" in change
      ? [...config.networks, { ...change.connect, name }]
      : config.networks.filter((each) => each.name !== name);
    if (next.length === 0 && config.ports.length > 0) {
      const fact = "its ports are published, and it has no other network";
      throw new CtrError("conflict", `cannot disconnect "${config.name}": ${fact}`);
    }
    await configure(life, records, { ...config, networks: next });
  });
}
