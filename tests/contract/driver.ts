import { type Hypervisor, QemuHypervisor, VzHypervisor } from "../../src/hypervisor/mod.ts";

/** A driver as data, so that another process can make the same one. */
export type Driver =
  | { readonly name: "fake" }
  | { readonly name: "qemu"; readonly stateFolder: string; readonly shares?: "9p" }
  | { readonly name: "vz"; readonly library: string };

export function makeDriver(driver: Exclude<Driver, { name: "fake" }>): Hypervisor {
  if (driver.name === "vz") {
    return new VzHypervisor({ library: driver.library, monitor: monitorCommand() });
  }
  const { stateFolder, shares } = driver;
  // Emulation runs everywhere; the suite judges the driver, not the host's KVM.
  const options = { stateFolder, accelerator: "tcg", transport: "serial" } as const;
  return new QemuHypervisor({ ...options, ...(shares && { shares }) });
}

/**
 * `ctr vm` from the sources: this process is a test. Where the library wants a sanitizer, the test's
 * `CTR_TEST_SANITIZER` names it, and `CTR_TEST_REPORTS` the folder where it writes what it finds.
 */
export function monitorCommand(): string[] {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const sanitizer = Deno.env.get("CTR_TEST_SANITIZER");
  const reports = `${Deno.env.get("CTR_TEST_REPORTS")}/report`;
  const options = `detect_leaks=0,verify_asan_link_order=0,log_path=${reports}`;
  return [
    ...(sanitizer ? ["env", `LD_PRELOAD=${sanitizer}`, `ASAN_OPTIONS=${options}`] : []),
    ...[Deno.execPath(), "run", "-A", "--quiet", "--no-check", main, "vm"],
  ];
}
