package bridge

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"ctr/netd/frame"
)

// tap carries frames between a bridge and this process. The kernel removes it when the process ends.
type tap struct {
	file *os.File
	data []byte
}

func openTap(name string) (*tap, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	// Now, because a descriptor without an interface is not ready for anything, ever.
	return &tap{file: os.NewFile(uintptr(fd), name), data: make([]byte, frame.MaxBytes)}, nil
}

func (t *tap) Read() ([]byte, error) {
	n, err := t.file.Read(t.data)
	return t.data[:n], err
}

// Write drops what the interface does not take: a frame that is none, or any while it is down.
func (t *tap) Write(frames [][]byte) error {
	for _, each := range frames {
		_, err := t.file.Write(each)
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EIO) {
			return err
		}
	}
	return nil
}

func (t *tap) Close() error { return t.file.Close() }
