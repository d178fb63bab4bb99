package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	// Connections of the guests that wait for their far end.
	maxOpening = 4096
	// Linux gives up after about two minutes; a guest's program has its own patience.
	openTimeout = 2 * time.Minute
	copyBytes   = 64 << 10
)

// openTCP answers a guest's SYN once the far end has answered ours: a port that nobody listens at is refused.
func (g *Gateway) openTCP(request *tcp.ForwarderRequest) {
	id := request.ID()
	flow := Flow{
		Network: "tcp", From: addrPort(id.RemoteAddress, id.RemotePort), To: addrPort(id.LocalAddress, id.LocalPort),
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	far, err := g.outside.Dial(ctx, flow)
	if err != nil && !errors.Is(err, ErrAskName) {
		request.Complete(true)
		return
	}
	var queue waiter.Queue
	endpoint, failed := request.CreateEndpoint(&queue)
	request.Complete(false)
	if failed != nil {
		if far != nil {
			_ = far.Close()
		}
		return
	}
	endpoint.SocketOptions().SetKeepAlive(true)
	var near net.Conn = gonet.NewTCPConn(&queue, endpoint)
	if far == nil {
		again, named, err := g.outside.DialNamed(ctx, flow, near)
		if err != nil {
			endpoint.Abort()
			return
		}
		near, far = again, named
	}
	Splice(near, far)
}

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
	_, err := copyAll(to, from)
	if half, ok := to.(HalfCloser); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
	_ = from.Close()
}

// copyAll lets the kernel carry the bytes where both are its own, as they are for the guests of a bridge.
func copyAll(to, from net.Conn) (int64, error) {
	if far, ok := to.(*net.TCPConn); ok {
		if near, ok := from.(*net.TCPConn); ok {
			return far.ReadFrom(near)
		}
	}
	return io.CopyBuffer(onlyWriter{to}, onlyReader{from}, make([]byte, copyBytes))
}

// The interfaces that io.Copy would find on a TCP connection serve two sockets of the host.
type onlyWriter struct{ io.Writer }
type onlyReader struct{ io.Reader }
