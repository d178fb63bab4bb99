// Package rootfs owns every path inside a container's root file system. An image may hold symbolic
// links where files are expected, so each path is resolved by the kernel as the container would
// resolve it, and what was found is then used by descriptor, never by name.
package rootfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Root is a mounted root file system.
type Root struct {
	fd   int
	Path string // in the guest

	held     []string // layers that it is made of
	tracking bool
	made     []string // mount points that were not there before
}

// OpenRoot opens a root file system.
func OpenRoot(path string) (*Root, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	return &Root{fd: fd, Path: path}, nil
}

// Open opens a path of the container.
func (r *Root) Open(name string, flags int, mode uint32) (int, error) {
	fd, err := openat2(r.fd, strings.TrimLeft(path.Clean("/"+name), "/")+dotIfRoot(name), &unix.OpenHow{
		Flags: uint64(flags | unix.O_CLOEXEC), Mode: uint64(mode),
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, nil
}

func dotIfRoot(name string) string {
	if path.Clean("/"+name) == "/" {
		return "."
	}
	return ""
}

// ReadFile reads at most limit bytes of a regular file.
func (r *Root) ReadFile(name string, limit int64) ([]byte, error) {
	fd, err := r.Open(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "read", Path: name, Err: unix.EINVAL}
	}
	return io.ReadAll(io.LimitReader(file, limit))
}

// MkdirAll makes a folder and what is missing above it. Links are followed inside the container.
func (r *Root) MkdirAll(name string, mode uint32) error {
	name = path.Clean("/" + name)
	fd, err := r.Open(name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err == nil {
		return unix.Close(fd)
	}
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	if name == "/" {
		return err
	}
	if err := r.MkdirAll(path.Dir(name), mode); err != nil {
		return err
	}
	parent, err := r.Open(path.Dir(name), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	err = unix.Mkdirat(parent, path.Base(name), mode)
	if err == nil {
		r.Track(name)
	} else if err != unix.EEXIST {
		return &os.PathError{Op: "mkdir", Path: name, Err: err}
	}
	return nil
}

// touch makes an empty file if there is nothing.
func (r *Root) touch(name string) error {
	if err := r.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	fd, err := r.Open(name, unix.O_PATH, 0)
	if errors.Is(err, unix.ENOENT) {
		fd, err = r.Open(name, unix.O_CREAT|unix.O_WRONLY|unix.O_NONBLOCK, 0o644)
		r.Track(name)
	}
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// ByDescriptor names an open file for calls that take paths.
func ByDescriptor(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// Mount mounts onto a path of the container, which exists.
func (r *Root) Mount(source, destination, kind string, flags uintptr, options string) error {
	fd, err := r.Open(destination, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Mount(source, ByDescriptor(fd), kind, flags, options); err != nil {
		return &os.PathError{Op: "mount " + kind, Path: destination, Err: err}
	}
	return nil
}
