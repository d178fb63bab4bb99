package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// conn is a TCP connection with a guest whose bytes can go to a socket of the host from where they lie.
type conn struct {
	*gonet.TCPConn
	queue    *waiter.Queue
	endpoint tcpip.Endpoint
}

func newConn(queue *waiter.Queue, endpoint tcpip.Endpoint) *conn {
	return &conn{gonet.NewTCPConn(queue, endpoint), queue, endpoint}
}

func dialTCP(ctx context.Context, s *stack.Stack, to tcpip.FullAddress, protocol tcpip.NetworkProtocolNumber) (*conn, error) {
	var queue waiter.Queue
	endpoint, failed := s.NewEndpoint(tcp.ProtocolNumber, protocol, &queue)
	if failed != nil {
		return nil, errors.New(failed.String())
	}
	entry, writable := waiter.NewChannelEntry(waiter.WritableEvents)
	queue.EventRegister(&entry)
	defer queue.EventUnregister(&entry)
	failed = endpoint.Connect(to)
	if _, started := failed.(*tcpip.ErrConnectStarted); started {
		select {
		case <-ctx.Done():
			endpoint.Close()
			return nil, ctx.Err()
		case <-writable:
		}
		failed = endpoint.LastError()
	}
	if failed != nil {
		endpoint.Close()
		return nil, errors.New(failed.String())
	}
	return newConn(&queue, endpoint), nil
}

// carryTo passes on what the guest sends until it ends. Only one goroutine may read from the connection.
func (c *conn) carryTo(far syscall.RawConn) error {
	entry, readable := waiter.NewChannelEntry(waiter.ReadableEvents)
	c.queue.EventRegister(&entry)
	defer c.queue.EventUnregister(&entry)
	to := &taker{}
	// The endpoint is locked while it is read, and the socket is never waited for meanwhile.
	var result tcpip.ReadResult
	var failed tcpip.Error
	read := func(fd uintptr) bool {
		to.fd, to.full = int(fd), false
		result, failed = c.endpoint.Read(to, tcpip.ReadOptions{})
		return result.Count > 0 || !to.full
	}
	for {
		if err := far.Write(read); err != nil {
			return err
		}
		if to.err != nil {
			return to.err
		}
		switch failed.(type) {
		case nil:
			c.endpoint.ModerateRecvBuf(result.Count)
		case *tcpip.ErrWouldBlock:
			<-readable
		case *tcpip.ErrClosedForReceive:
			return nil
		default:
			return errors.New(failed.String())
		}
	}
}

// taker writes what a socket takes at once.
type taker struct {
	fd   int
	full bool
	err  error
}

func (t *taker) Write(data []byte) (int, error) {
	n, err := ignoringInterrupts(unix.Write, t.fd, data)
	switch {
	case err == unix.EAGAIN:
		t.full = true
		return 0, io.ErrShortWrite
	case err != nil:
		t.err = err
		return 0, err
	}
	if n < len(data) {
		t.full = true
		return n, io.ErrShortWrite
	}
	return n, nil
}

func ignoringInterrupts(call func(fd int, data []byte) (int, error), fd int, data []byte) (int, error) {
	for {
		n, err := call(fd, data)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// rawOf returns nil for what is no socket of the host.
func rawOf(c net.Conn) syscall.RawConn {
	socket, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
