/**
 * An engine to be killed: starts the VM of the configuration in its first argument, says so, waits.
 *
 * @module
 */
import { QemuHypervisor } from "../../src/hypervisor/mod.ts";

const [config, stateFolder] = Deno.args;
const hypervisor = new QemuHypervisor({ stateFolder: stateFolder!, accelerator: "tcg" });
console.log("starting");
const vm = await hypervisor.start(JSON.parse(config!));
console.log(`started ${vm.pid}`);
await new Promise((resolve) => setTimeout(resolve, 60_000));
