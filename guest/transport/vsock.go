// Package transport brings the host's connections: by vsock, or by a virtio-serial port where the
// host has no vsock. One connection is served at a time.
package transport

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Port is where the guest listens.
const Port = 1024

// Listener accepts one connection after another.
type Listener interface {
	Accept() (io.ReadWriteCloser, error)
}

// Vsock listens on AF_VSOCK.
type Vsock struct{ file *os.File }

// ListenVsock listens for the host, nil if the VM has no vsock device.
func ListenVsock() (*Vsock, error) {
	if _, err := os.Stat("/dev/vsock"); err != nil {
		return nil, nil
	}
	if !hasHost() {
		return nil, nil
	}
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a vsock: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: Port}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind the vsock port %d: %w", Port, err)
	}
	if err := unix.Listen(fd, 8); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen on the vsock port %d: %w", Port, err)
	}
	return &Vsock{os.NewFile(uintptr(fd), "vsock")}, nil
}

// hasHost tells a real device from the loopback that the kernel always has.
func hasHost() bool {
	drivers, err := os.ReadDir("/sys/bus/virtio/drivers/vmw_vsock_virtio_transport")
	if err != nil {
		return false
	}
	for _, entry := range drivers {
		if len(entry.Name()) > 6 && entry.Name()[:6] == "virtio" {
			return true
		}
	}
	return false
}

// Accept waits for a connection from the host; a container's own is refused.
func (v *Vsock) Accept() (io.ReadWriteCloser, error) {
	raw, err := v.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	for {
		var fd int
		var peer unix.Sockaddr
		var failure error
		err := raw.Read(func(listener uintptr) bool {
			fd, peer, failure = unix.Accept4(int(listener), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			return failure != unix.EAGAIN
		})
		if err != nil {
			return nil, err
		}
		if failure == unix.EINTR || failure == unix.ECONNABORTED {
			continue
		}
		if failure != nil {
			return nil, fmt.Errorf("accept on vsock: %w", failure)
		}
		if vm, ok := peer.(*unix.SockaddrVM); !ok || vm.CID != unix.VMADDR_CID_HOST {
			unix.Close(fd)
			continue
		}
		return os.NewFile(uintptr(fd), "vsock"), nil
	}
}
