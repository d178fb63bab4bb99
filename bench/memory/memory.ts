/**
 * What an idle guest costs the host, beside a guest of the same kernel and devices whose init is next
 * to nothing.
 *
 * @module
 */
import { join } from "node:path";
import { chooseHypervisor, type Vm } from "../../src/hypervisor/mod.ts";
import { findGuestAssets } from "../../src/vm/guest_assets.ts";
import { referenceDisk } from "../start/reference.ts";
import { startVm, untilHello, untilLine } from "../start/vms.ts";
import { alternate, median, mib, printTable, ratio } from "../table.ts";

const LIMIT = 1.2;
/** Free pages are reported to the host two seconds after they were freed. */
const SETTLE_MS = 5000;

/** @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const root = await Deno.makeTempDir({ prefix: "ctr-bench-memory-" });
  try {
    const hypervisor = chooseHypervisor({ stateFolder: join(root, "state") });
    const { kernel, bootDisk } = await findGuestAssets("amd64");
    const reference = await referenceDisk(root);
    const footprint = async (
      disk: string,
      ready: (vm: Vm, folder: string) => Promise<unknown>,
    ): Promise<number> => {
      const folder = await Deno.makeTempDir({ dir: root });
      const vm = await startVm(hypervisor, folder, kernel, disk);
      try {
        await ready(vm, folder);
        await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
        return await vm.footprintBytes();
      } finally {
        await vm.kill();
      }
    };
    const { a, b } = await alternate(
      () => footprint(bootDisk, untilHello),
      () => footprint(reference, untilLine),
      { rounds: args.includes("--quick") ? 1 : 3, warmups: 0 },
    );
    const [ours, theirs] = [median(a), median(b)];
    return printTable([{
      what: "idle guest, host memory, beside a bare guest",
      ours: mib(ours),
      peer: mib(theirs),
      ratio: ratio(ours, theirs),
      limit: `${LIMIT}×`,
      kept: ours <= LIMIT * theirs,
    }]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
