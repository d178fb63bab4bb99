// Package oom finds out which process the kernel killed for want of memory. The counter of the
// cgroup says that it happened; only the kernel's log says to whom.
package oom

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Victim is a process that the kernel killed.
type Victim struct {
	PID          int // in the guest's PID namespace
	Name         string
	Microseconds int64 // since the kernel's start
}

// Victims returns those that the kernel's log still tells of, the last one last.
func Victims() []Victim {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	record := make([]byte, 8192)
	var victims []Victim
	for {
		n, err := unix.Read(fd, record)
		if err == unix.EPIPE || err == unix.EINTR { // overwritten meanwhile: go on with the next one
			continue
		}
		if err != nil || n == 0 {
			return victims
		}
		if victim, ok := victimOf(string(record[:n])); ok {
			victims = append(victims, victim)
		}
	}
}

// victimOf reads "priority,number,microseconds,…;… Killed process 123 (name) total-vm:…". A process
// can write such a line nowhere: what it writes to the log begins with its own words.
func victimOf(record string) (Victim, bool) {
	head, text, _ := strings.Cut(record, ";")
	before, rest, ok := strings.Cut(text, "Killed process ")
	if !ok || !strings.HasSuffix(before, "ut of memory: ") {
		return Victim{}, false
	}
	number, rest, ok := strings.Cut(rest, " (")
	pid, err := strconv.Atoi(number)
	if !ok || err != nil {
		return Victim{}, false
	}
	name, _, ok := strings.Cut(rest, ") total-vm:")
	fields := strings.Split(head, ",")
	if !ok || len(fields) < 3 {
		return Victim{}, false
	}
	at, _ := strconv.ParseInt(fields[2], 10, 64)
	return Victim{pid, name, at}, true
}

// Blame says whether a process ended for want of memory, and who was killed then: itself, or, if it
// ended with a failure, another process shortly before.
func Blame(victims []Victim, pid int, failed bool, nowMicroseconds int64) (name string, ok bool) {
	const shortly = 60e6
	for i := len(victims) - 1; i >= 0; i-- {
		if victims[i].PID == pid {
			return victims[i].Name, true
		}
	}
	if failed && len(victims) > 0 {
		last := victims[len(victims)-1]
		if nowMicroseconds-last.Microseconds < shortly {
			return last.Name, true
		}
	}
	return "", false
}
