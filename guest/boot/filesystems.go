package boot

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// MountFileSystems mounts what the guest itself needs. The kernel has mounted /dev.
func MountFileSystems() error {
	unix.Umask(0)
	const quiet = unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV
	for _, m := range [...]struct {
		kind, target, options string
		flags                 uintptr
	}{
		{"proc", "/proc", "", quiet},
		{"sysfs", "/sys", "", quiet},
		{"cgroup2", "/sys/fs/cgroup", "nsdelegate", quiet},
		{"tmpfs", "/run", "mode=755", unix.MS_NOSUID | unix.MS_NODEV},
	} {
		if err := unix.Mount(m.kind, m.target, m.kind, m.flags, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	return nil
}

// Settings are what containers expect of their kernel.
func Settings() error {
	for _, setting := range [...][2]string{
		// A container's start is full of mounts and the like that wait for an RCU grace period: expedited
		// ones are shorter. From the command line they seemed to make the boot a little longer.
		{"/sys/kernel/rcu_expedited", "1"},
		{"/proc/self/oom_score_adj", "-1000"},
		{"/proc/sys/vm/overcommit_memory", "1"},
		{"/proc/sys/vm/max_map_count", "262144"},
		{"/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"},
		{"/proc/sys/net/ipv4/ping_group_range", "0 2147483647"},
	} {
		file, err := os.OpenFile(setting[0], os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = file.WriteString(setting[1])
		file.Close()
		if err != nil {
			return fmt.Errorf("set %s: %w", setting[0], err)
		}
	}
	return nil
}
