/**
 * `deno task soak [--rounds N] [--seed N]`: the rounds of `soak_test.ts`, more of them.
 * `deno task soak --power N`: instead, N power cuts of a container that writes to a volume.
 * `deno task soak --machine N`: instead, N rounds of a machine that is written to and ended in every way.
 *
 * Needs what `scripts/test` sets up, a registry among it (`scripts/registry start` says how to name it).
 */
import { BUSYBOX } from "../run/ctr_home.ts";
import { dataRounds } from "../machine/data_rounds.ts";
import { powerCuts } from "../volume/power_cut.ts";
import { soak } from "./rounds.ts";

function number(flag: string, otherwise: number): number {
  const at = Deno.args.indexOf(flag);
  if (at < 0) return otherwise;
  const value = Number(Deno.args[at + 1]);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`error: ${flag} wants a positive whole number`);
  Deno.exit(2);
}

if (BUSYBOX === "") {
  console.error("error: CTR_TEST_REGISTRY is not set: take it from scripts/registry start");
  Deno.exit(2);
}
const log = (line: string) => console.log(line);
if (Deno.args.includes("--power")) {
  const writes = await powerCuts({ rounds: number("--power", 100), log });
  console.log(`${writes} acknowledged writes, none lost`);
  Deno.exit(0);
}
if (Deno.args.includes("--machine")) {
  const writes = await dataRounds({ rounds: number("--machine", 50), log });
  console.log(`${writes} acknowledged writes, none lost`);
  Deno.exit(0);
}
const rounds = number("--rounds", 200);
const seed = number("--seed", Date.now() % 1_000_000);
console.log(`${rounds} rounds, seed ${seed}`);
const tally = await soak({ rounds, seed, log });
console.log(
  `killed: ${Object.entries(tally).map(([role, count]) => `${count} ${role}`).join(", ")}`,
);
