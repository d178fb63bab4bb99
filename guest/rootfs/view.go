package rootfs

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// OfNamespace opens the root of the mount namespace that a process is in: what its container sees,
// with every mount that was made inside. Names of places are as the container has them.
func OfNamespace(pidFD int) (*Root, error) {
	type result struct {
		fd  int
		err error
	}
	opened := make(chan result)
	go func() {
		// A thread that has joined another namespace ends with its goroutine, which keeps it locked.
		runtime.LockOSThread()
		fd, err := openNamespaceRoot(pidFD)
		opened <- result{fd, err}
	}()
	r := <-opened
	if r.err != nil {
		return nil, fmt.Errorf("look into the container: %w", r.err)
	}
	return &Root{fd: r.fd}, nil
}

func openNamespaceRoot(pidFD int) (int, error) {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return -1, err
	}
	if err := unix.Setns(pidFD, unix.CLONE_NEWNS); err != nil {
		return -1, err
	}
	return unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// Close closes the root.
func (r *Root) Close() { unix.Close(r.fd) }

// Where returns the path in the container of what is open.
func (r *Root) Where(fd int) (string, error) {
	name, err := os.Readlink(ByDescriptor(fd))
	if err != nil {
		return "", err
	}
	name = strings.TrimPrefix(name, r.Path)
	if name == "" {
		name = "/"
	}
	return name, nil
}

// OpenBeneath opens a path below a folder. A link that leads out of the folder is EXDEV, whatever
// changes meanwhile. Where the folder is the container's root, nothing leads out of it.
func OpenBeneath(folder int, name string, flags int, isRoot bool) (int, error) {
	how := &unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	if isRoot {
		how.Resolve = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS
	}
	return openat2(folder, name, how)
}

// openat2 tries again when something was renamed meanwhile, but not for as long as somebody likes to
// rename.
func openat2(folder int, name string, how *unix.OpenHow) (fd int, err error) {
	for range 10_000 {
		fd, err = unix.Openat2(folder, name, how)
		if err != unix.EINTR && err != unix.EAGAIN {
			return fd, err
		}
	}
	return fd, err
}

// OpenStrictly opens a path below a folder. No link is followed.
func OpenStrictly(folder int, name string, flags int) (int, error) {
	return openat2(folder, name, &unix.OpenHow{
		Flags:   uint64(flags | unix.O_NOFOLLOW | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// Stat looks at the root itself.
func (r *Root) Stat(stat *unix.Stat_t) error { return unix.Fstat(r.fd, stat) }
