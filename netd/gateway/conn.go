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

// carryFrom passes on to the guest what the host says until that ends. Only one goroutine may write to the connection.
func (c *conn) carryFrom(far syscall.RawConn) error {
	entry, writable := waiter.NewChannelEntry(waiter.WritableEvents)
	c.queue.EventRegister(&entry)
	defer c.queue.EventUnregister(&entry)
	from := &giver{}
	var failed tcpip.Error
	write := func(fd uintptr) bool {
		failed = nil
		if !from.look(int(fd)) {
			return false
		}
		if from.Len() > 0 {
			_, failed = c.endpoint.Write(from, tcpip.WriteOptions{})
		}
		return true
	}
	for {
		if err := far.Read(write); err != nil {
			return err
		}
		if from.err != nil || from.ended {
			return from.err
		}
		switch failed.(type) {
		case nil:
		case *tcpip.ErrWouldBlock:
			<-writable
		default:
			return errors.New(failed.String())
		}
	}
}

// giver lets a connection with a guest read from a socket what has come there.
type giver struct {
	fd    int
	some  [512]byte
	first []byte // of some: what was read to find out whether there is anything
	more  int    // what has come and was not read
	ended bool
	err   error
}

var _ tcpip.Payloader = (*giver)(nil)

// look finds out what there is to give, and is false if that has to be waited for.
func (g *giver) look(fd int) bool {
	g.fd, g.more = fd, 0
	if len(g.first) > 0 {
		return true
	}
	if g.more, g.err = unix.IoctlGetInt(fd, bytesWaiting); g.err != nil || g.more > 0 {
		return true
	}
	n, err := ignoringInterrupts(unix.Read, fd, g.some[:])
	if err == unix.EAGAIN {
		return false
	}
	g.first, g.err = g.some[:n], err
	g.ended = err == nil && n == 0
	return true
}

func (g *giver) Len() int { return len(g.first) + g.more }

// Read is asked for as much as Len has said at most. An error ends the connection.
func (g *giver) Read(data []byte) (int, error) {
	if len(g.first) > 0 {
		n := copy(data, g.first)
		g.first = g.first[n:]
		return n, nil
	}
	if len(data) == 0 {
		return 0, nil
	}
	n, err := ignoringInterrupts(unix.Read, g.fd, data)
	if err == nil && n == 0 {
		err = io.ErrUnexpectedEOF // it has said that there is more
	}
	g.err = err
	return n, err
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
