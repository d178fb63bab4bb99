package container

import (
	"fmt"

	"ctr/guest/gen/guestpb"
)

// Update sets new limits. One that would only have the kernel kill something is refused.
func (c *Container) Update(limits *guestpb.Limits) error {
	if limits == nil {
		return nil
	}
	if wanted := limits.MemoryBytes; wanted > 0 {
		if used := c.Group.Stats().MemoryWorkingSet; used > uint64(wanted) {
			return StateError(fmt.Sprintf("its processes use %d bytes of memory, more than %d", used, wanted))
		}
	}
	return c.Group.Limit(limitsOf(limits))
}
