/**
 * An engine to be killed: starts the VM of the configuration in its first argument, says so, waits.
 *
 * @module
 */
import { makeDriver } from "./driver.ts";

const [config, driver] = Deno.args;
const hypervisor = makeDriver(JSON.parse(driver!));
console.log("starting");
const vm = await hypervisor.start(JSON.parse(config!));
console.log(`started ${vm.pid}`);
await new Promise((resolve) => setTimeout(resolve, 60_000));
