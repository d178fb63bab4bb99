/** What a container gets unless it asks for something else. */
export const MASKED_PATHS: readonly string[] = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];

export const READONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

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
