/** What a container gets unless it asks for something else. */
export { MASKED_PATHS, READONLY_PATHS } from "../vm/mod.ts";

export const SYSCTLS: Readonly<Record<string, string>> = {
  "vm.overcommit_memory": "1",
  "vm.max_map_count": "262144",
};

/** Enough for a build with many jobs; a fork bomb ends here, not in the guest's memory. */
export const PIDS = 32_768;
export const STOP_SIGNAL = "SIGTERM";
export const STOP_TIMEOUT_MS = 5000;
/** Below this, a kernel and a shell do not have room to start. */
export const LEAST_MEMORY = 32 * 1024 * 1024;
/**
 * What the guest sees of its upper disk; the host pays for what is written. Mounting and trimming a
 * larger one takes the guest longer: under emulation half a second more for 512 GiB.
 */
export const UPPER_BYTES = 64 * 1024 ** 3;
