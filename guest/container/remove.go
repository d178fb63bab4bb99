package container

import (
	"errors"
	"os"
	"sync"

	"ctr/guest/rootfs"
)

// Remove ends every process of the container and takes apart what was set up for it, as far as that came.
func (c *Container) Remove() error {
	if c.Group != nil {
		c.Stop(0)
		if c.Group.Populated() {
			return StateError("a process of the container cannot be ended")
		}
	}
	for _, listener := range c.Listeners {
		listener.Close()
	}
	err := rootfs.Remove(c.ID, c.root)
	if c.Group != nil {
		if removeErr := c.Group.Remove(); !os.IsNotExist(removeErr) {
			err = errors.Join(err, removeErr)
		}
	}
	return err
}

// A disk that is frozen cannot be frozen again, and containers may share one.
var settling sync.Mutex

// Settle lets the host read what the container has left on its writable disk: everything is in its place, whatever
// others write meanwhile.
func (c *Container) Settle() error {
	settling.Lock()
	defer settling.Unlock()
	if err := c.freezeDisk(); err != nil {
		return err
	}
	return c.thawDisk()
}
