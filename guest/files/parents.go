package files

import (
	"path"

	"golang.org/x/sys/unix"

	"ctr/guest/rootfs"
)

// folderOf opens the folder that an entry goes into, and makes it if it is missing. The descriptor is
// valid until the next call.
func (c *copyIn) folderOf(name string) (int, error) {
	above := path.Dir(name)
	if c.parent >= 0 && c.parentName == above {
		return c.parent, nil
	}
	fd, err := c.openFolder(above)
	if err != nil {
		return -1, err
	}
	c.keepParent(fd, above)
	return fd, nil
}

func (c *copyIn) openFolder(name string) (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY
	fd, err := rootfs.OpenBeneath(c.target, name, flags, c.atRoot)
	if err != unix.ENOENT || name == "." {
		return fd, outside(err)
	}
	above, err := c.openFolder(path.Dir(name))
	if err != nil {
		return -1, err
	}
	err = unix.Mkdirat(above, path.Base(name), 0o755)
	unix.Close(above)
	if err != nil && err != unix.EEXIST {
		return -1, err
	}
	// A link that leads nowhere is there and cannot be opened.
	fd, err = rootfs.OpenBeneath(c.target, name, flags, c.atRoot)
	return fd, outside(err)
}

// keepParent takes the descriptor.
func (c *copyIn) keepParent(fd int, name string) {
	c.forgetParent()
	c.parent, c.parentName, c.inherits = fd, name, passesOn(fd)
}

func (c *copyIn) forgetParent() {
	if c.parent >= 0 {
		unix.Close(c.parent)
	}
	c.parent = -1
}

// passesOn says whether what is made in a folder does not simply belong to its maker.
func passesOn(fd int) bool {
	var stat unix.Stat_t
	if unix.Fstat(fd, &stat) != nil || stat.Mode&unix.S_ISGID != 0 {
		return true
	}
	_, err := unix.Fgetxattr(fd, "system.posix_acl_default", nil)
	return err == nil
}

// outside tells a link that leads out of the folder from other failures.
func outside(err error) error {
	if err == unix.EXDEV {
		return ErrOutside
	}
	return err
}
