package gateway

import (
	"io"
	"net"
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
	if guest, ok := to.(*conn); ok {
		if far := rawOf(from); far != nil {
			return guest.carryFrom(far)
		}
	}
	if socket, ok := to.(*net.TCPConn); ok && rawOf(from) != nil {
		_, err := socket.ReadFrom(from)
		return err
	}
	_, err := io.CopyBuffer(onlyWriter{to}, onlyReader{from}, make([]byte, plainBytes))
	return err
}

// The interfaces that io.Copy would find on a TCP connection serve two sockets of the host.
type onlyWriter struct{ io.Writer }
type onlyReader struct{ io.Reader }

// Of a connection whose first words were looked at.
const plainBytes = 32 << 10
