// Package files copies between a container's file system and tar streams. The container may change
// everything while it is read or written, so whatever was found is used by descriptor, and no link
// that it plants leads anywhere else.
package files

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"ctr/guest/archive"
	"ctr/guest/gen/guestpb"
	"ctr/guest/output"
	"ctr/guest/rootfs"
)

const (
	// How much of a file is read at once; the host takes it in pieces of this size as well.
	readBytes = 256 << 10
	// Names of files with several links that are remembered; what comes later is copied twice.
	maxLinks = 1 << 18
)

// ErrNotFolder says that a folder was asked for and something else is there.
var ErrNotFolder = errors.New("not a folder")

type inode struct {
	device, number uint64
}

type folder struct {
	below  string // the top folder; "" is that one itself
	device uint64 // of the folder above
}

type copyOut struct {
	root  *rootfs.Root
	out   *output.Writer
	tar   *archive.Writer
	name  string // of the top
	where string // in the container
	top   int    // descriptor of the top folder

	pending []folder
	links   map[inode]string
	listing []byte
	xattrs  []byte
}

// CopyOut writes what is at a path as a tar stream. What vanishes meanwhile is left out; a file that
// changes its size has the size that it had at first.
func CopyOut(root *rootfs.Root, request *guestpb.CopyOut, out *output.Writer) error {
	flags := unix.O_PATH
	if !request.FollowLink && !request.ContentOnly {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := root.Open(request.Path, flags, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	isFolder := stat.Mode&unix.S_IFMT == unix.S_IFDIR
	if request.ContentOnly && !isFolder {
		return ErrNotFolder
	}
	c := &copyOut{
		root: root, out: out, tar: archive.NewWriter(out), top: fd, links: make(map[inode]string),
		listing: make([]byte, 32<<10), xattrs: make([]byte, 1<<10),
	}
	if c.where, err = root.Where(fd); err != nil {
		return err
	}
	c.name = topName(request)
	if isFolder {
		c.pending = append(c.pending, folder{"", stat.Dev})
		err = c.folders()
	} else {
		err = c.single(fd, &stat)
	}
	if err != nil {
		return err
	}
	if err := c.tar.Close(); err != nil {
		return err
	}
	out.Flush()
	return nil
}

func topName(request *guestpb.CopyOut) string {
	name := request.Name
	if name == "" {
		name = path.Base(path.Clean("/" + request.Path))
	}
	if request.ContentOnly || name == "/" {
		return "."
	}
	return name
}

// single copies a path that is no folder. Its name may be another one by now; the descriptor is not.
func (c *copyOut) single(fd int, stat *unix.Stat_t) error {
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		file, err := unix.Open(rootfs.ByDescriptor(fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(file)
		return c.file(file, stat, c.name)
	case unix.S_IFLNK:
		target, err := readLink(fd, "")
		if err != nil {
			return err
		}
		return c.header(archive.Symlink, c.name, target, stat, nil)
	case unix.S_IFSOCK:
		return errors.New("a socket cannot be copied")
	}
	return c.special(c.name, stat)
}

// folders copies one folder after another. Each is opened by its path below the top, so that a deep
// tree takes no more descriptors than a flat one.
func (c *copyOut) folders() error {
	for len(c.pending) > 0 {
		next := c.pending[len(c.pending)-1]
		c.pending = c.pending[:len(c.pending)-1]
		if err := c.folder(next); err != nil {
			return err
		}
	}
	return nil
}

func (c *copyOut) folder(f folder) error {
	name := f.below
	if name == "" {
		name = "."
	}
	fd, err := rootfs.OpenStrictly(c.top, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return gone(err)
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	full := c.name + "/"
	if f.below != "" {
		full += f.below + "/"
	}
	if err := c.header(archive.Folder, full, "", &stat, c.attributes(fd)); err != nil {
		return err
	}
	if stat.Dev != f.device && c.isMachinery(fd, f.below) {
		return nil
	}
	return c.entries(fd, f.below, full, stat.Dev)
}

// isMachinery says whether a mount shows the kernel's insides or devices rather than files. What was
// asked for by name is copied all the same.
func (c *copyOut) isMachinery(fd int, below string) bool {
	if path.Join(c.where, below) == "/dev" {
		return true
	}
	var stat unix.Statfs_t
	if unix.Fstatfs(fd, &stat) != nil {
		return false
	}
	switch stat.Type {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEVPTS_SUPER_MAGIC,
		unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.BPF_FS_MAGIC, unix.SECURITYFS_MAGIC, mqueueMagic:
		return true
	}
	return false
}

const mqueueMagic = 0x19800202

func (c *copyOut) entries(fd int, below, full string, device uint64) error {
	for {
		n, err := unix.Getdents(fd, c.listing)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return gone(err)
		}
		for rest := c.listing[:n]; len(rest) > 0; {
			var entry dirent
			if entry, rest = nextDirent(rest); entry.name == "." || entry.name == ".." {
				continue
			}
			if err := c.entry(fd, entry, below, full, device); err != nil {
				return err
			}
		}
	}
}

func (c *copyOut) entry(parent int, entry dirent, below, full string, device uint64) error {
	name := full + entry.name
	if entry.kind == unix.DT_REG {
		fd, err := unix.Openat(parent, entry.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(fd)
			var stat unix.Stat_t
			if err := unix.Fstat(fd, &stat); err != nil {
				return err
			}
			if stat.Mode&unix.S_IFMT == unix.S_IFREG {
				return c.file(fd, &stat, name)
			}
		} else if err != unix.ELOOP { // else it has become a link
			return gone(err)
		}
	}
	var stat unix.Stat_t
	if err := unix.Fstatat(parent, entry.name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return gone(err)
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		c.pending = append(c.pending, folder{path.Join(below, entry.name), device})
		return nil
	case unix.S_IFREG: // a file system that does not tell the kinds of entries
		if entry.kind == unix.DT_REG {
			return nil // it changes faster than it can be read
		}
		entry.kind = unix.DT_REG
		return c.entry(parent, entry, below, full, device)
	case unix.S_IFLNK:
		if c.known(name, &stat) {
			return c.link(name, &stat)
		}
		target, err := readLink(parent, entry.name)
		if err != nil {
			return gone(err)
		}
		return c.header(archive.Symlink, name, target, &stat, nil)
	case unix.S_IFSOCK:
		return nil
	}
	return c.special(name, &stat)
}

func (c *copyOut) special(name string, stat *unix.Stat_t) error {
	if c.known(name, stat) {
		return c.link(name, stat)
	}
	var kind byte = archive.FIFO
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		kind = archive.CharDevice
	case unix.S_IFBLK:
		kind = archive.Block
	}
	return c.header(kind, name, "", stat, nil)
}

// known remembers the first name of an inode with several.
func (c *copyOut) known(name string, stat *unix.Stat_t) bool {
	if stat.Nlink < 2 {
		return false
	}
	id := inode{stat.Dev, stat.Ino}
	if _, ok := c.links[id]; ok {
		return true
	}
	if len(c.links) < maxLinks {
		c.links[id] = name
	}
	return false
}

func (c *copyOut) link(name string, stat *unix.Stat_t) error {
	return c.header(archive.HardLink, name, c.links[inode{stat.Dev, stat.Ino}], stat, nil)
}

func (c *copyOut) file(fd int, stat *unix.Stat_t, name string) error {
	if c.known(name, stat) {
		return c.link(name, stat)
	}
	if err := c.header(archive.File, name, "", stat, c.attributes(fd)); err != nil {
		return err
	}
	for rest := stat.Size; rest > 0; {
		space, err := c.out.Space()
		if err != nil {
			return err
		}
		space = space[:min(int64(len(space)), rest, readBytes)]
		n, err := unix.Read(fd, space)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 { // it was cut meanwhile
			clear(space)
			n = len(space)
		}
		c.out.Advance(n)
		rest -= int64(n)
	}
	return c.tar.Pad(stat.Size)
}

func (c *copyOut) header(kind byte, name, link string, stat *unix.Stat_t, xattrs []archive.Xattr) error {
	h := archive.Header{
		Kind: kind, Name: name, Link: link, Mode: stat.Mode & 0o7777, UID: stat.Uid, GID: stat.Gid,
		Seconds: stat.Mtim.Sec, Nanoseconds: stat.Mtim.Nsec, Xattrs: xattrs,
	}
	if kind == archive.File {
		h.Size = stat.Size
	}
	if kind == archive.CharDevice || kind == archive.Block {
		h.Major, h.Minor = unix.Major(stat.Rdev), unix.Minor(stat.Rdev)
	}
	return c.tar.Header(&h)
}

// attributes returns the extended attributes that belong to a file rather than to its file system.
func (c *copyOut) attributes(fd int) []archive.Xattr {
	n, err := unix.Flistxattr(fd, c.xattrs)
	if err == unix.ERANGE {
		c.xattrs = make([]byte, 64<<10) // XATTR_LIST_MAX
		n, err = unix.Flistxattr(fd, c.xattrs)
	}
	if err != nil || n == 0 {
		return nil
	}
	var found []archive.Xattr
	for _, name := range strings.Split(strings.TrimSuffix(string(c.xattrs[:n]), "\x00"), "\x00") {
		if !portable(name) {
			continue
		}
		value := make([]byte, 64<<10) // XATTR_SIZE_MAX
		if n, err := unix.Fgetxattr(fd, name, value); err == nil {
			found = append(found, archive.Xattr{Name: name, Value: string(value[:n])})
		}
	}
	return found
}

func portable(name string) bool {
	return name == "security.capability" || strings.HasPrefix(name, "user.")
}

// gone forgives that something vanished, or became something else, between two looks at it.
func gone(err error) error {
	switch err {
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.ESTALE, unix.ENXIO:
		return nil
	}
	return err
}
