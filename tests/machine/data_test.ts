/** What a machine was told to be on its disk is there, however it ended. `deno task soak --machine 50` does more. */
import { assert } from "../cli/assert.ts";
import { vmTest } from "../run/ctr_home.ts";
import { dataRounds } from "./data_rounds.ts";

vmTest("a machine loses nothing that it had flushed, in 4 rounds", async () => {
  assert(await dataRounds({ rounds: 4, log: () => {} }) >= 4);
});
