// Package inet opens the guest's own TCP and UDP sockets. Package net would do it too, and make vminitd half as large
// again.
package inet

import (
	"errors"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const backlog = 128

func family(address netip.Addr) int {
	if address.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(to netip.AddrPort) unix.Sockaddr {
	if to.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
}

func addrPort(from unix.Sockaddr) netip.AddrPort {
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}

func open(address netip.Addr, kind int) (int, error) {
	return unix.Socket(family(address), kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}

// Bind returns a UDP socket at an address, or one that listens for TCP.
func Bind(at netip.AddrPort, tcp bool) (*os.File, error) {
	kind := unix.SOCK_DGRAM
	if tcp {
		kind = unix.SOCK_STREAM
	}
	fd, err := open(at.Addr(), kind)
	if err != nil {
		return nil, err
	}
	if tcp {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	err = unix.Bind(fd, sockaddr(at))
	if err == nil && tcp {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "listen at", Path: at.String(), Err: err}
	}
	return os.NewFile(uintptr(fd), "listener"), nil
}

// Accept waits for the next TCP connection.
func Accept(listener *os.File) (*os.File, netip.AddrPort, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	fd := -1
	var from unix.Sockaddr
	var failure error
	err = raw.Read(func(listening uintptr) bool {
		fd, from, failure = unix.Accept4(int(listening), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		return failure != unix.EAGAIN
	})
	if err = errors.Join(err, failure); err != nil {
		return nil, netip.AddrPort{}, err
	}
	return os.NewFile(uintptr(fd), "connection"), addrPort(from), nil
}

// Receive waits for a datagram.
func Receive(socket *os.File, data []byte) (n int, from netip.AddrPort, err error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, from, err
	}
	var failure error
	err = raw.Read(func(fd uintptr) bool {
		var address unix.Sockaddr
		n, address, failure = unix.Recvfrom(int(fd), data, 0)
		from = addrPort(address)
		return failure != unix.EAGAIN
	})
	return n, from, errors.Join(err, failure)
}

// Send sends a datagram; one for which there is no room is lost, as on any wire.
func Send(socket *os.File, data []byte, to netip.AddrPort) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = raw.Control(func(fd uintptr) { failure = unix.Sendto(int(fd), data, unix.MSG_DONTWAIT, sockaddr(to)) })
	return errors.Join(err, failure)
}

// Dial connects, within a time for TCP; a UDP socket is connected at once.
func Dial(to netip.AddrPort, tcp bool, within time.Duration) (*os.File, error) {
	kind := unix.SOCK_DGRAM
	if tcp {
		kind = unix.SOCK_STREAM
	}
	fd, err := open(to.Addr(), kind)
	if err != nil {
		return nil, err
	}
	if tcp {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err = unix.Connect(fd, sockaddr(to)); err == unix.EINPROGRESS {
		err = connected(fd, within)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "connection"), nil
}

func connected(fd int, within time.Duration) error {
	end := time.Now().Add(within)
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for {
		n, err := unix.Poll(poll, int(max(0, time.Until(end)).Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return unix.ETIMEDOUT
		}
		code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		return err
	}
}

// CloseWrite ends one direction of a TCP connection.
func CloseWrite(connection *os.File) error {
	raw, err := connection.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = raw.Control(func(fd uintptr) { failure = unix.Shutdown(int(fd), unix.SHUT_WR) })
	return errors.Join(err, failure)
}
