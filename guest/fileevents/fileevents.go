// Package fileevents raises the inotify events of what the host has changed in a shared folder. It owns
// /dev/fsevent, the device of the guest's kernel that does so (kernel/drivers/fsevent).
package fileevents

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
)

const (
	device = "/dev/fsevent"
	// What the host sends in one message is bounded by this, and paths by the kernel's own limit.
	maxEvents = 4096

	// kernel/drivers/fsevent/fsevent.h
	ioctlFollow = 0x40046371
	ioctlRaise  = 0x42106372
	flagFolder  = 1
	nameSize    = 256
)

// event is struct fsevent.
type event struct {
	dir, toDir  int32
	kind, flags uint32
	name, to    [nameSize]byte
}

// Follow makes the kernel remember what this guest changes itself in the file system at a path, so that
// the host's word of it raises nothing. To be called when a share is mounted, before anybody uses it.
func Follow(mount string) error {
	fd, err := unix.Open(mount, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	dev, err := open()
	if err != nil {
		return err
	}
	defer unix.Close(dev)
	number := int32(fd)
	_, err = control(dev, ioctlFollow, unsafe.Pointer(&number))
	return err
}

// Raise tells those who watch files of a mount what the host has changed there. What is gone by now is
// passed over: whoever looks sees the truth, and a later event says it.
func Raise(mount string, events []*guestpb.FileEvent) error {
	if len(events) > maxEvents {
		return fmt.Errorf("%w: %d file events at once", unix.EINVAL, len(events))
	}
	dev, err := open()
	if err != nil {
		return err
	}
	defer unix.Close(dev)
	folders := folders{mount: -1}
	defer folders.close()
	if folders.mount, err = unix.Open(mount, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	for _, e := range events {
		if err := raise(dev, &folders, e); err != nil && !passed(err) {
			return fmt.Errorf("raise a file event: %w", err)
		}
	}
	return nil
}

// passed are errors of a path that changes faster than it is told of.
func passed(err error) bool {
	for _, each := range [...]error{unix.ENOENT, unix.ENOTDIR, unix.EXDEV, unix.ELOOP, unix.ENAMETOOLONG, unix.EAGAIN, unix.ESTALE} {
		if errors.Is(err, each) {
			return true
		}
	}
	return false
}

func raise(dev int, folders *folders, e *guestpb.FileEvent) error {
	raw := event{kind: uint32(e.Kind), toDir: -1}
	if e.Folder {
		raw.flags = flagFolder
	}
	var err error
	if raw.dir, err = folders.place(0, e.Path, &raw.name); err != nil {
		return err
	}
	if e.Kind == guestpb.FileEventKind_FILE_EVENT_KIND_RENAME {
		if raw.toDir, err = folders.place(1, e.To, &raw.to); err != nil {
			return err
		}
	}
	_, err = control(dev, ioctlRaise, unsafe.Pointer(&raw))
	if e.Folder { // what was opened by name may have another one now
		folders.drop(0)
		folders.drop(1)
	}
	return err
}

// folders keeps the folders of the last event open: a burst of events is of few folders.
type folders struct {
	mount int
	names [2]string
	fds   [2]int // 0: none
}

// place opens the folder of a path below the mount and writes the last word of the path to name.
func (f *folders) place(slot int, of string, name *[nameSize]byte) (int32, error) {
	of = strings.TrimPrefix(path.Clean("/"+of), "/")
	dir, base := path.Split(of)
	if base == "" || len(base) >= nameSize || strings.ContainsRune(of, 0) {
		return -1, unix.ENAMETOOLONG
	}
	copy(name[:], base)
	if dir == "" {
		return int32(f.mount), nil
	}
	if f.fds[slot] != 0 && f.names[slot] == dir {
		return int32(f.fds[slot]), nil
	}
	fd, err := unix.Openat2(f.mount, dir, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		return -1, err
	}
	f.drop(slot)
	f.names[slot], f.fds[slot] = dir, fd
	return int32(fd), nil
}

func (f *folders) drop(slot int) {
	if f.fds[slot] != 0 {
		unix.Close(f.fds[slot])
	}
	f.names[slot], f.fds[slot] = "", 0
}

func (f *folders) close() {
	f.drop(0)
	f.drop(1)
	if f.mount >= 0 {
		unix.Close(f.mount)
	}
}

func open() (int, error) {
	fd, err := unix.Open(device, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", device, err)
	}
	return fd, nil
}

func control(fd int, request uintptr, argument unsafe.Pointer) (int, error) {
	result, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(argument))
	if errno != 0 {
		return 0, errno
	}
	return int(result), nil
}
