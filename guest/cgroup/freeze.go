package cgroup

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Freeze stops every process of the group, or lets them go on, and returns when it is so.
func (g *Group) Freeze(frozen bool, timeout time.Duration) error {
	value, wanted := "0", uint64(0)
	if frozen {
		value, wanted = "1", 1
	}
	// The kernel tells of changes to who has read the file before.
	events, err := unix.Open(g.path+"/cgroup.events", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(events)
	if err := write(g.path+"/cgroup.freeze", value); err != nil {
		return err
	}
	buffer := make([]byte, 256)
	for end := time.Now().Add(timeout); ; {
		n, err := unix.Pread(events, buffer, 0)
		if err != nil {
			return err
		}
		if fieldOf(string(buffer[:n]), "frozen") == wanted {
			return nil
		}
		left := time.Until(end)
		if left <= 0 {
			return fmt.Errorf("not done after %s: %w", timeout, unix.ETIMEDOUT)
		}
		poll := []unix.PollFd{{Fd: int32(events), Events: unix.POLLPRI}}
		if _, err := unix.Poll(poll, int(left.Milliseconds())+1); err != nil && err != unix.EINTR {
			return err
		}
	}
}
