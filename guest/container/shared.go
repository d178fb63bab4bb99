package container

import (
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"ctr/guest/fileevents"
	"ctr/guest/gen/guestpb"
	"ctr/guest/rootfs"
)

// mountAll makes the mounts of the container and lets the kernel follow what is changed in those that the
// host shares. A kernel that cannot, cannot raise the host's events either.
func (c *Container) mountAll(mounts []*guestpb.Mount) error {
	if err := c.root.MountAll(c.ID, mounts, fillVolume); err != nil {
		return err
	}
	for i, m := range mounts {
		if m.Type != "virtiofs" && m.Type != "9p" {
			continue
		}
		place, err := c.place(i, m)
		if err != nil {
			return err
		}
		err = fileevents.Follow(place.path)
		place.close()
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("follow %q: %w", m.Destination, err)
		}
		c.shared = append(c.shared, share{m.Destination, i, m})
	}
	return nil
}

// share is a mount that the host can change files of.
type share struct {
	destination string
	at          int
	mount       *guestpb.Mount
}

// place is where vminitd finds a mount, without following what the container puts in its way.
type place struct {
	path string
	fd   int
}

func (p place) close() {
	if p.fd >= 0 {
		unix.Close(p.fd)
	}
}

func (c *Container) place(at int, m *guestpb.Mount) (place, error) {
	if m.File != "" { // its folder is mounted where no container sees it
		return place{rootfs.HiddenMount(c.ID, at), -1}, nil
	}
	fd, err := c.root.Open(m.Destination, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return place{}, err
	}
	return place{rootfs.ByDescriptor(fd), fd}, nil
}

// FileEvents raises what the host has changed below a mount.
func (c *Container) FileEvents(destination string, events []*guestpb.FileEvent) error {
	for _, s := range c.shared {
		if path.Clean(s.destination) != path.Clean(destination) {
			continue
		}
		place, err := c.place(s.at, s.mount)
		if err != nil {
			return err
		}
		defer place.close()
		return fileevents.Raise(place.path, events)
	}
	return fmt.Errorf("%w: nothing of the host is mounted at %q", ErrInvalid, destination)
}
