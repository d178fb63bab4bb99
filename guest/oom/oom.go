// Package oom finds out which process the kernel killed for want of memory. The counter of the
// cgroup says that it happened; only the kernel's log says to whom.
package oom

import (
	"strings"

	"golang.org/x/sys/unix"
)

// LastVictim returns the name of the process that was killed last, "" if the log has none.
func LastVictim() string {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	record := make([]byte, 8192)
	victim := ""
	for {
		n, err := unix.Read(fd, record)
		if err == unix.EPIPE || err == unix.EINTR { // overwritten meanwhile: go on with the next one
			continue
		}
		if err != nil || n == 0 {
			return victim
		}
		if name, ok := victimOf(string(record[:n])); ok {
			victim = name
		}
	}
}

// victimOf reads "… Killed process 123 (name) total-vm:…".
func victimOf(record string) (string, bool) {
	_, rest, ok := strings.Cut(record, "Killed process ")
	if !ok {
		return "", false
	}
	_, rest, ok = strings.Cut(rest, " (")
	if !ok {
		return "", false
	}
	name, _, ok := strings.Cut(rest, ") ")
	return name, ok
}
