/**
 * How long a guest takes from the start of its monitor to the first answer of vminitd, beside a guest
 * of the same kernel and devices whose init is next to nothing.
 *
 * @module
 */
import { join } from "node:path";
import { chooseHypervisor, type Vm } from "../../src/hypervisor/mod.ts";
import { findGuestAssets } from "../../src/vm/guest_assets.ts";
import { alternate, median, ms, printTable, ratio, timed } from "../table.ts";
import { referenceDisk } from "./reference.ts";
import { startVm, untilHello, untilLine } from "./vms.ts";

const LIMIT = 1.15;
const MANY = 10;
const MANY_LIMIT = 0.9;

/** @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const root = await Deno.makeTempDir({ prefix: "ctr-bench-start-" });
  try {
    const hypervisor = chooseHypervisor({ stateFolder: join(root, "state") });
    const { kernel, bootDisk } = await findGuestAssets("amd64");
    const reference = await referenceDisk(root);
    let accelerator = "";
    const start = async (disk: string): Promise<[Vm, string]> => {
      const folder = await Deno.makeTempDir({ dir: root });
      const vm = await startVm(hypervisor, folder, kernel, disk);
      accelerator = vm.accelerator;
      return [vm, folder];
    };
    const { a, b } = await alternate(
      async () => await ended(untilHello, ...await start(bootDisk)),
      async () => await ended(untilLine, ...await start(reference)),
      { rounds: args.includes("--quick") ? 3 : 9 },
    );
    const [ours, theirs] = [median(a), median(b)];
    const one = async () => await ended(untilHello, ...await start(bootDisk));
    const together = await timed(() => Promise.all(Array.from({ length: MANY }, one)))();
    const inTurn = await timed(async () => {
      for (let count = 0; count < MANY; count++) await one();
    })();
    console.log(`accelerator: ${accelerator}`);
    return printTable([{
      what: "monitor start → vminitd's answer, beside a bare guest",
      ours: ms(ours),
      peer: ms(theirs),
      ratio: ratio(ours, theirs),
      limit: `${LIMIT}×`,
      kept: ours <= LIMIT * theirs,
    }, {
      what: `${MANY} guests started at once, beside one after another`,
      ours: ms(together),
      peer: ms(inTurn),
      ratio: ratio(together, inTurn),
      limit: `${MANY_LIMIT}×`,
      kept: together <= MANY_LIMIT * inTurn,
    }]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function ended(
  measure: (vm: Vm, folder: string) => Promise<number>,
  vm: Vm,
  folder: string,
): Promise<number> {
  try {
    return await measure(vm, folder);
  } finally {
    await vm.kill();
  }
}
