package output

import (
	"os"
	"syscall"
)

// Pump moves a stream into the ring until its end, an error or the end of stop. The file must be in
// non-blocking mode; Pump closes it. A terminal's end is EIO.
func Pump(ring *Ring, stream int32, file *os.File, stop <-chan struct{}) {
	defer file.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		return
	}
	for {
		if space := ring.WaitSpace(); space != nil {
			select {
			case <-space:
				continue
			case <-stop:
				return
			}
		}
		var n int
		var failure error
		err := raw.Read(func(fd uintptr) bool {
			n, failure = ring.Fill(stream, func(free []byte) (int, error) {
				return syscall.Read(int(fd), free)
			})
			return failure != syscall.EAGAIN
		})
		switch {
		case err != nil: // the deadline that ends a pump whose stream stays open
			return
		case failure == ErrFull || failure == syscall.EINTR:
		case failure != nil || n == 0:
			return
		}
	}
}
