package container

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
)

const (
	// How long a process may stay in a call of the kernel that it cannot be stopped in.
	freezeTimeout = 15 * time.Second
	// A host that has gone must not leave a container that cannot write.
	diskFrozenFor = 60 * time.Second
	// FIFREEZE and FITHAW of linux/fs.h: _IOWR('X', 119, int) and 120.
	fifreeze, fithaw = 0xc0045877, 0xc0045878
)

// frozenDisk is the writable disk while nothing may be written to it.
type frozenDisk struct {
	mu    sync.Mutex
	fd    int // of the mounted folder while it is frozen
	timer *time.Timer
}

// Freeze stops what the request names, as far as it is not stopped yet.
func (c *Container) Freeze(request *guestpb.FreezeRequest) error {
	if request.Processes {
		if err := c.freezeProcesses(); err != nil {
			return err
		}
	}
	if request.FileSystem {
		return c.freezeDisk()
	}
	return nil
}

// Thaw lets go on what the request names.
func (c *Container) Thaw(request *guestpb.ThawRequest) error {
	var err error
	if request.FileSystem {
		err = c.thawDisk()
	}
	if request.Processes {
		c.freezing.Lock()
		defer c.freezing.Unlock()
		if c.frozen {
			err = errors.Join(err, c.Group.Freeze(false, freezeTimeout))
			c.frozen = err != nil
		}
	}
	return err
}

// Frozen says whether the container's processes are stopped.
func (c *Container) Frozen() bool {
	c.freezing.RLock()
	defer c.freezing.RUnlock()
	return c.frozen
}

func (c *Container) freezeProcesses() error {
	c.freezing.Lock()
	defer c.freezing.Unlock()
	if c.frozen {
		return nil
	}
	if !c.running() {
		return errEnded
	}
	if err := c.Group.Freeze(true, freezeTimeout); err != nil {
		_ = c.Group.Freeze(false, freezeTimeout)
		return fmt.Errorf("stop the processes: %w", err)
	}
	c.frozen = true
	return nil
}

// freezeDisk writes everything out and stops writers. Whatever of vminitd's own writes to the disk then
// waits as well; answering the host does not.
func (c *Container) freezeDisk() error {
	if c.upper == "" {
		return StateError("the container has no writable disk")
	}
	d := &c.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = c.thawLater()
		return nil
	}
	fd, err := unix.Open(c.upper, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := ioctl(fd, fifreeze); err != nil {
		unix.Close(fd)
		return fmt.Errorf("freeze the writable disk: %w", err)
	}
	d.fd = fd
	d.timer = c.thawLater()
	return nil
}

// thawLater is called with the disk's lock held.
func (c *Container) thawLater() (timer *time.Timer) {
	timer = time.AfterFunc(diskFrozenFor, func() {
		c.disk.mu.Lock()
		defer c.disk.mu.Unlock()
		if c.disk.timer == timer { // nobody has asked for more time
			_ = c.disk.thaw()
		}
	})
	return timer
}

func (c *Container) thawDisk() error {
	c.disk.mu.Lock()
	defer c.disk.mu.Unlock()
	return c.disk.thaw()
}

// thaw is called with the lock held.
func (d *frozenDisk) thaw() error {
	if d.timer == nil {
		return nil
	}
	d.timer.Stop()
	d.timer = nil
	err := ioctl(d.fd, fithaw)
	unix.Close(d.fd)
	if err != nil {
		return fmt.Errorf("thaw the writable disk: %w", err)
	}
	return nil
}

func ioctl(fd int, request uintptr) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, 0); errno != 0 {
		return errno
	}
	return nil
}
