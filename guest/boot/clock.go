// Package boot names and times steps, of the boot and of a container's start.
package boot

import (
	"fmt"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
)

// Step is a part of the boot.
type Step struct {
	Name string
	Run  func() error
}

// Clock collects steps. It belongs to one goroutine.
type Clock struct{ Steps []*guestpb.BootStep }

// Run runs one step. A failure bears its name.
func (c *Clock) Run(name string, step func() error) error {
	began := Now()
	err := step()
	c.Steps = append(c.Steps, &guestpb.BootStep{Name: name, BeganNs: began, TookNs: Now() - began})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Now returns the time since the kernel's start (CLOCK_BOOTTIME).
func Now() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
	return now.Nano()
}
