package sockets

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
	"ctr/guest/rootfs"
)

const backlog = 128

// Listener is a unix socket inside a container.
type Listener struct {
	ID, ContainerID string
	file            *os.File
}

var temporary atomic.Uint64

// Listen makes the socket with its owner and mode, under another name first: whoever finds it may use
// it. A socket that is there is replaced; something else is not.
func Listen(root *rootfs.Root, request *guestpb.ListenRequest) (*Listener, error) {
	folder := path.Dir(path.Clean("/" + request.Path))
	if err := root.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	parent, err := root.Open(folder, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(parent)
	base := path.Base(request.Path)
	var stat unix.Stat_t
	if unix.Fstatat(parent, base, &stat, unix.AT_SYMLINK_NOFOLLOW) == nil && stat.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil, &os.PathError{Op: "listen at", Path: request.Path, Err: unix.EEXIST}
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := bind(fd, parent, base, request); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen at %s: %w", request.Path, err)
	}
	root.Track(request.Path)
	return &Listener{request.Id, request.ContainerId, os.NewFile(uintptr(fd), "listener")}, nil
}

func bind(fd, parent int, base string, request *guestpb.ListenRequest) error {
	name := ".ctr-socket-" + strconv.FormatUint(temporary.Add(1), 10)
	full := rootfs.ByDescriptor(parent) + "/" + name
	_ = unix.Unlinkat(parent, name, 0)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: full}); err != nil {
		return err
	}
	if err := publish(fd, parent, name, base, request); err != nil {
		_ = unix.Unlinkat(parent, name, 0)
		return err
	}
	return nil
}

func publish(fd, parent int, name, base string, request *guestpb.ListenRequest) error {
	if err := unix.Fchownat(parent, name, int(request.Uid), int(request.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	mode := request.Mode & 0o777
	if mode == 0 {
		mode = 0o666
	}
	// The container may have put a link in its place, which is not followed (Linux 6.6).
	if err := unix.Fchmodat(parent, name, mode, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return err
	}
	return unix.Renameat(parent, name, parent, base)
}

// Accept waits for the next connection. It fails when the listener is closed.
func (l *Listener) Accept() (*os.File, error) {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var failure error
	err = raw.Read(func(listener uintptr) bool {
		fd, _, failure = unix.Accept4(int(listener), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		return failure != unix.EAGAIN
	})
	if err == nil {
		err = failure
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "connection"), nil
}

// Close ends Accept. The socket stays as a name that nobody answers, as after any program's end.
func (l *Listener) Close() { l.file.Close() }
