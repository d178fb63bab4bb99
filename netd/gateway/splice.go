package gateway

import (
	"io"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// HalfCloser is a connection whose directions end apart.
type HalfCloser interface {
	net.Conn
	CloseWrite() error
}

// Splice carries bytes both ways until both directions have ended, then closes both connections.
func Splice(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		carry(b, a)
		close(done)
	}()
	carry(a, b)
	<-done
	_ = a.Close()
	_ = b.Close()
}

// carry passes on what from says until it ends, then ends that direction of to. If to takes no more, from is told by
// closing both.
func carry(to, from net.Conn) {
	err := copyAll(to, from)
	if half, ok := to.(HalfCloser); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
	_ = from.Close()
}

// copyAll lets the kernel carry the bytes where both are its own, as they are for the guests of a bridge.
func copyAll(to, from net.Conn) error {
	if guest, ok := from.(*conn); ok {
		if far := rawOf(to); far != nil {
			return guest.carryTo(far)
		}
	}
	far := rawOf(from)
	if far == nil {
		_, err := io.CopyBuffer(onlyWriter{to}, onlyReader{from}, make([]byte, plainBytes))
		return err
	}
	if socket, ok := to.(*net.TCPConn); ok {
		_, err := socket.ReadFrom(from)
		return err
	}
	return copyReady(to, far)
}

// The interfaces that io.Copy would find on a TCP connection serve two sockets of the host.
type onlyWriter struct{ io.Writer }
type onlyReader struct{ io.Reader }

const (
	// Of a connection that is not the host's own.
	plainBytes = 16 << 10
	// What is read at once: four of the largest segments of a guest, so that none is a small one in between.
	pieceBytes = 4 * (65520 - 60)
)

var pieces = sync.Pool{New: func() any { return new([pieceBytes]byte) }}

// copyReady has memory only while there is something to pass on: most connections say nothing most of the time.
func copyReady(to io.Writer, from syscall.RawConn) error {
	var piece *[pieceBytes]byte
	var n int
	var failed error
	read := func(fd uintptr) bool {
		piece = pieces.Get().(*[pieceBytes]byte)
		n, failed = ignoringInterrupts(unix.Read, int(fd), piece[:])
		if failed == unix.EAGAIN {
			pieces.Put(piece)
			return false
		}
		return true
	}
	for {
		if err := from.Read(read); err != nil {
			return err
		}
		err := failed
		if err == nil && n > 0 {
			_, err = to.Write(piece[:n])
		}
		pieces.Put(piece)
		if err != nil || n == 0 {
			return err
		}
	}
}
