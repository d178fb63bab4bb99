package container

import (
	"fmt"
	"strings"
)

// capabilityNames are in the kernel's order (linux/capability.h).
func capabilityNames() []string {
	return []string{
		"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
		"SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
		"IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
		"SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
		"LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
		"WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
	}
}

// capabilityMask returns a bit per capability and how many capabilities there are.
func capabilityMask(names []string) (mask uint64, count int, err error) {
	known := capabilityNames()
	bit := make(map[string]int, len(known))
	for i, name := range known {
		bit[name] = i
	}
	for _, name := range names {
		i, ok := bit[strings.TrimPrefix(name, "CAP_")]
		if !ok {
			return 0, 0, fmt.Errorf("grant %q: no such capability", name)
		}
		mask |= 1 << i
	}
	return mask, len(known), nil
}
