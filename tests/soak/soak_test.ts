import { assert } from "../cli/assert.ts";
import { vmTest } from "../run/ctr_home.ts";
import { soak } from "./rounds.ts";

const ROUNDS = 20;

vmTest(`${ROUNDS} rounds of five containers and a kill -9 leave everything in order`, async () => {
  const seed = Number(Deno.env.get("CTR_SOAK_SEED") ?? Date.now() % 1_000_000);
  const tally = await soak({ rounds: ROUNDS, seed, log: (line) => console.log(line) });
  const killed = Object.values(tally).reduce((sum, count) => sum + count, 0);
  assert(killed === ROUNDS, `only ${killed} processes were killed`);
});
