package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"ctr/guest/archive"
	"ctr/guest/gen/guestpb"
	"ctr/guest/rootfs"
)

// Times of folders are set behind everything else; this much of their names is kept for it.
const maxTimes = 32 << 20

// Why an archive is not unpacked.
var (
	ErrOutside  = errors.New("it leads out of the folder")
	ErrIsFolder = errors.New("a folder is there, which is not replaced by something else")
	ErrNoFolder = errors.New("something else is there, which is not replaced by a folder")
)

type folderTime struct {
	name                 string
	seconds, nanoseconds int64
}

type copyIn struct {
	options *guestpb.CopyIn
	archive *archive.Reader
	target  int // descriptor of the folder
	atRoot  bool

	// The folder of the last entry: the next one is mostly in the same.
	parent     int // -1: none
	parentName string
	inherits   bool // new files get a group or rights from it

	times     []folderTime
	timeBytes int
}

// CopyIn unpacks a tar stream below a folder. An entry replaces what is there, but a folder is merged
// into a folder.
func CopyIn(root *rootfs.Root, options *guestpb.CopyIn, source archive.Source) error {
	if options.MakeFolders {
		if err := root.MkdirAll(options.Path, 0o755); err != nil {
			return err
		}
	}
	target, err := root.Open(options.Path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%s: %w", options.Path, ErrNotFolder)
	}
	if err != nil {
		return err
	}
	defer unix.Close(target)
	where, err := root.Where(target)
	if err != nil {
		return err
	}
	c := &copyIn{options: options, archive: archive.NewReader(source), target: target, atRoot: where == "/", parent: -1}
	defer c.forgetParent()
	for {
		h, err := c.archive.Next()
		if err == io.EOF {
			c.setTimes()
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.entry(h); err != nil {
			return fmt.Errorf("%s: %w", shortened(h.Name), err)
		}
	}
}

func shortened(name string) string {
	const most = 200
	if len(name) > most {
		return name[:most] + "…"
	}
	return name
}

// clean makes a name relative to the folder. "/" at its beginning means the folder.
func clean(name string) (string, error) {
	name = path.Clean(strings.TrimLeft(name, "/"))
	if name == ".." || strings.HasPrefix(name, "../") || strings.IndexByte(name, 0) >= 0 {
		return "", ErrOutside
	}
	return name, nil
}

func (c *copyIn) entry(h *archive.Header) error {
	name, err := clean(h.Name)
	if err != nil {
		return err
	}
	if name == "." { // the folder itself stays as it is
		if h.Kind == archive.Folder {
			return nil
		}
		return ErrIsFolder
	}
	if !c.options.ArchiveOwners {
		h.UID, h.GID = 0, 0
	}
	parent, err := c.folderOf(name)
	if err != nil {
		return err
	}
	base := path.Base(name)
	switch h.Kind {
	case archive.Folder:
		return c.folder(parent, base, name, h)
	case archive.File:
		return c.file(parent, base, h)
	case archive.HardLink:
		return c.hardLink(parent, base, name, h)
	}
	make := func() error { return c.node(parent, base, h) }
	if err = make(); err == unix.EEXIST {
		if err = c.remove(parent, base); err == nil {
			err = make()
		}
	}
	if err != nil {
		return err
	}
	if h.UID != 0 || h.GID != 0 || c.inherits {
		if err := unix.Fchownat(parent, base, int(h.UID), int(h.GID), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	}
	times := []unix.Timespec{{Sec: h.Seconds, Nsec: h.Nanoseconds}, {Sec: h.Seconds, Nsec: h.Nanoseconds}}
	return unix.UtimesNanoAt(unix.AT_FDCWD, rootfs.ByDescriptor(parent)+"/"+base, times, unix.AT_SYMLINK_NOFOLLOW)
}

// node makes what has no content.
func (c *copyIn) node(parent int, base string, h *archive.Header) error {
	switch h.Kind {
	case archive.Symlink:
		return unix.Symlinkat(h.Link, parent, base)
	case archive.CharDevice:
		return unix.Mknodat(parent, base, unix.S_IFCHR|h.Mode, int(unix.Mkdev(h.Major, h.Minor)))
	case archive.Block:
		return unix.Mknodat(parent, base, unix.S_IFBLK|h.Mode, int(unix.Mkdev(h.Major, h.Minor)))
	}
	return unix.Mknodat(parent, base, unix.S_IFIFO|h.Mode, 0)
}

func (c *copyIn) hardLink(parent int, base, name string, h *archive.Header) error {
	to, err := clean(h.Link)
	if err != nil || to == "." {
		return fmt.Errorf("the link to %s: %w", shortened(h.Link), ErrOutside)
	}
	if to == name {
		return nil
	}
	folder := c.target
	if above := path.Dir(to); above != "." {
		if folder, err = rootfs.OpenBeneath(c.target, above, unix.O_PATH|unix.O_DIRECTORY, c.atRoot); err != nil {
			return fmt.Errorf("the link to %s: %w", shortened(h.Link), outside(err))
		}
		defer unix.Close(folder)
	}
	err = unix.Linkat(folder, path.Base(to), parent, base, 0)
	if err == unix.EEXIST {
		if err = c.remove(parent, base); err == nil {
			err = unix.Linkat(folder, path.Base(to), parent, base, 0)
		}
	}
	if err != nil {
		return fmt.Errorf("the link to %s: %w", shortened(h.Link), err)
	}
	return nil
}

func (c *copyIn) folder(parent int, base, name string, h *archive.Header) error {
	err := unix.Mkdirat(parent, base, h.Mode&0o777)
	fresh := err == nil
	if err != nil && err != unix.EEXIST {
		return err
	}
	fd, err := unix.Openat(parent, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOTDIR || err == unix.ELOOP { // something else is there
		if c.options.NoOverwriteFolderWithFile {
			return ErrNoFolder
		}
		if err := c.remove(parent, base); err != nil {
			return err
		}
		if err := unix.Mkdirat(parent, base, h.Mode&0o777); err != nil {
			return err
		}
		fresh = true
		fd, err = unix.Openat(parent, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return err
	}
	if err := c.finish(fd, h, !fresh || c.inherits); err != nil {
		unix.Close(fd)
		return err
	}
	if c.timeBytes += len(name) + 64; c.timeBytes > maxTimes {
		c.setTimes()
	}
	c.times = append(c.times, folderTime{name, h.Seconds, h.Nanoseconds})
	c.keepParent(fd, name)
	return nil
}

func (c *copyIn) file(parent int, base string, h *archive.Header) error {
	const flags = unix.O_WRONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(parent, base, flags|unix.O_CREAT|unix.O_EXCL, h.Mode&0o777)
	fresh := err == nil
	if err == unix.EEXIST {
		err = c.remove(parent, base)
		if err == unix.EBUSY { // it is mounted: its content is replaced
			fd, err = openInPlace(parent, base)
		} else if err == nil {
			fresh = true
			fd, err = unix.Openat(parent, base, flags|unix.O_CREAT|unix.O_EXCL, h.Mode&0o777)
		}
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := c.content(fd, h); err != nil {
		return err
	}
	if err := c.finish(fd, h, !fresh || c.inherits); err != nil {
		return err
	}
	return setTime(fd, h.Seconds, h.Nanoseconds)
}

func openInPlace(parent int, base string) (int, error) {
	fd, err := unix.Openat(parent, base, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return -1, unix.EBUSY
	}
	return fd, unix.Ftruncate(fd, 0)
}

func (c *copyIn) content(fd int, h *archive.Header) error {
	if h.Holes != nil {
		return c.sparseContent(fd, h)
	}
	for {
		piece, err := c.archive.Content()
		if err != nil || piece == nil {
			return err
		}
		if err := writeAll(fd, piece, -1); err != nil {
			return err
		}
	}
}

func (c *copyIn) sparseContent(fd int, h *archive.Header) error {
	var piece []byte
	for _, extent := range h.Holes {
		for at, rest := extent.Offset, extent.Length; rest > 0; {
			if len(piece) == 0 {
				var err error
				if piece, err = c.archive.Content(); err != nil {
					return err
				}
			}
			n := min(rest, int64(len(piece)))
			if err := writeAll(fd, piece[:n], at); err != nil {
				return err
			}
			piece, at, rest = piece[n:], at+n, rest-n
		}
	}
	return unix.Ftruncate(fd, h.Size)
}

// writeAll writes at an offset, or where the last write ended (-1).
func writeAll(fd int, data []byte, at int64) error {
	for len(data) > 0 {
		var n int
		var err error
		if at < 0 {
			n, err = unix.Write(fd, data)
		} else if n, err = unix.Pwrite(fd, data, at); n > 0 {
			at += int64(n)
		}
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// finish gives a file or folder its owner, attributes and rights. What was just made belongs to root
// and has its plain rights already, unless its folder passes something on.
func (c *copyIn) finish(fd int, h *archive.Header, differs bool) error {
	chowned := differs || h.UID != 0 || h.GID != 0
	if chowned {
		if err := unix.Fchown(fd, int(h.UID), int(h.GID)); err != nil {
			return err
		}
	}
	for _, x := range h.Xattrs { // after the owner, whose change takes capabilities away
		if strings.HasPrefix(x.Name, "trusted.") {
			continue // the overlay's own
		}
		switch err := unix.Fsetxattr(fd, x.Name, []byte(x.Value), 0); err {
		case nil, unix.ENOTSUP, unix.EPERM:
		default:
			return fmt.Errorf("set the attribute %q: %w", shortened(x.Name), err)
		}
	}
	if differs || h.Mode&^0o777 != 0 {
		return unix.Fchmod(fd, h.Mode)
	}
	return nil
}

func setTime(fd int, seconds, nanoseconds int64) error {
	times := [2]unix.Timespec{{Sec: seconds, Nsec: nanoseconds}, {Sec: seconds, Nsec: nanoseconds}}
	// A null path means the descriptor itself.
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func (c *copyIn) setTimes() {
	for _, f := range c.times {
		// It may be gone, or something else by now.
		if fd, err := rootfs.OpenStrictly(c.target, f.name, unix.O_RDONLY|unix.O_DIRECTORY); err == nil {
			_ = setTime(fd, f.seconds, f.nanoseconds)
			unix.Close(fd)
		}
	}
	c.times, c.timeBytes = nil, 0
}

// remove makes room for an entry that is no folder.
func (c *copyIn) remove(parent int, base string) error {
	err := unix.Unlinkat(parent, base, 0)
	if err != unix.EISDIR {
		return err
	}
	if c.options.NoOverwriteFolderWithFile {
		return ErrIsFolder
	}
	return os.RemoveAll(rootfs.ByDescriptor(parent) + "/" + base)
}
