import { assert } from "../cli/assert.ts";
import { vmTest } from "../run/ctr_home.ts";
import { powerCuts } from "./power_cut.ts";

const ROUNDS = Number(Deno.env.get("CTR_POWER_CUTS") ?? 3);

vmTest(
  `${ROUNDS} power cuts: every acknowledged write is there, and the volume is clean`,
  async () => {
    const writes = await powerCuts({ rounds: ROUNDS, log: (line) => console.log(line) });
    assert(writes >= ROUNDS, `only ${writes} writes were acknowledged`);
  },
);
