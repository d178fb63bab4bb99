package rootfs

import (
	"errors"
	"os"
	"path"
	"sync"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
)

// mountContent shows bytes of the host's as a file. They are kept in the guest's memory, which is never swapped.
func (r *Root) mountContent(hidden string, m *guestpb.Mount, flags uintptr) error {
	if err := os.MkdirAll(path.Dir(hidden), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(hidden, m.Content, 0o600); err != nil {
		return err
	}
	if err := own(unix.AT_FDCWD, hidden, m); err != nil {
		return err
	}
	return r.bindPart(hidden, m.Destination, flags)
}

func own(folder int, name string, m *guestpb.Mount) error {
	if err := unix.Fchownat(folder, name, int(m.Uid), int(m.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "chown", Path: name, Err: err}
	}
	mode := m.Mode & 0o7777
	if mode == 0 {
		mode = 0o755
	}
	if err := unix.Fchmodat(folder, name, mode, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "chmod", Path: name, Err: err}
	}
	return nil
}

// Two containers may want the same new folder.
var making sync.Mutex

// makeFolder makes the folder of a shared disk that a mount is about, with what it begins with. One that is being
// filled has another name, so that whatever happens it is whole or not there.
func (r *Root) makeFolder(m *guestpb.Mount, fill FillVolume) error {
	making.Lock()
	defer making.Unlock()
	if fd, err := r.Open(m.Subpath, unix.O_PATH|unix.O_DIRECTORY, 0); err == nil || !errors.Is(err, unix.ENOENT) {
		unix.Close(fd)
		return err
	}
	if err := r.MkdirAll(path.Dir(path.Clean("/"+m.Subpath)), 0o755); err != nil {
		return err
	}
	parent, err := r.Open(path.Dir(path.Clean("/"+m.Subpath)), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	name := path.Base(m.Subpath)
	temporary := name + ".new"
	if err := os.RemoveAll(ByDescriptor(parent) + "/" + temporary); err != nil {
		return err
	}
	if err := unix.Mkdirat(parent, temporary, 0o755); err != nil {
		return &os.PathError{Op: "mkdir", Path: m.Subpath, Err: err}
	}
	if err := own(parent, temporary, m); err != nil {
		return err
	}
	if m.Root != nil {
		if err := fillNew(parent, temporary, m, fill); err != nil {
			return err
		}
	}
	return unix.Renameat(parent, temporary, parent, name)
}

func fillNew(parent int, name string, m *guestpb.Mount, fill FillVolume) error {
	source, err := os.MkdirTemp("/run", "fill-")
	if err != nil {
		return err
	}
	defer os.Remove(source)
	held, err := mountParts(m.Root, source)
	if err != nil {
		return err
	}
	defer releaseAll(held)
	defer unix.Unmount(source, unix.MNT_DETACH)
	image, err := OpenRoot(source)
	if err != nil {
		return err
	}
	defer image.Close()
	folder, err := image.Open(m.FillFrom, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	unix.Close(folder)
	target, err := unix.Openat(parent, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	return image.fillVolume(target, m.FillFrom, fill)
}
