// Package sockets carries connections between the host and what listens, or connects, inside a
// container: bytes of a stream to a socket and back.
package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
	"ctr/guest/rootfs"
)

// How long a connection may take to be made.
const dialTimeout = 30 * time.Second

// ErrAddress says that an address cannot be meant.
var ErrAddress = errors.New("not an address to connect to")

// Dial connects from inside a container. Its network is the guest's.
func Dial(root *rootfs.Root, request *guestpb.Dial) (*os.File, error) {
	switch request.Network {
	case "unix":
		fd, err := root.Open(request.Address, unix.O_PATH, 0)
		if err != nil {
			return nil, err
		}
		defer unix.Close(fd)
		// By descriptor the path is as short as a socket's name must be.
		return connect(unix.AF_UNIX, &unix.SockaddrUnix{Name: rootfs.ByDescriptor(fd)})
	case "tcp":
		return dialTCP(request.Address)
	}
	return nil, fmt.Errorf("%w: network %q", ErrAddress, request.Network)
}

// dialTCP takes numeric addresses, and "localhost", which is tried in both families.
func dialTCP(address string) (*os.File, error) {
	if port, ok := strings.CutPrefix(address, "localhost:"); ok {
		if file, err := dialTCP("127.0.0.1:" + port); err == nil {
			return file, nil
		}
		address = "[::1]:" + port
	}
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrAddress, address)
	}
	if addr := target.Addr().Unmap(); addr.Is4() {
		return connect(unix.AF_INET, &unix.SockaddrInet4{Port: int(target.Port()), Addr: addr.As4()})
	}
	return connect(unix.AF_INET6, &unix.SockaddrInet6{Port: int(target.Port()), Addr: target.Addr().As16()})
}

func connect(family int, address unix.Sockaddr) (*os.File, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if family != unix.AF_UNIX {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err := connectWithin(fd, address); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "socket"), nil
}

// connectWithin waits for a TCP answer, or for room in the queue of a unix socket's listener.
func connectWithin(fd int, address unix.Sockaddr) error {
	const step = 20 * time.Millisecond
	for end := time.Now().Add(dialTimeout); ; time.Sleep(step) {
		err := unix.Connect(fd, address)
		if err == unix.EINPROGRESS {
			poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
			for {
				n, err := unix.Poll(poll, int(time.Until(end).Milliseconds()))
				if err == unix.EINTR {
					continue
				}
				if err != nil || n == 0 {
					return errors.Join(err, unix.ETIMEDOUT)
				}
				break
			}
			code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
			if err == nil && code != 0 {
				err = unix.Errno(code)
			}
			return err
		}
		// Nothing tells when a unix listener's queue has room again.
		if err != unix.EAGAIN && err != unix.EINTR {
			return err
		}
		if time.Now().After(end) {
			return unix.ETIMEDOUT
		}
	}
}
