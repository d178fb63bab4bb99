package sockets

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ctr/guest/stream"
)

type carrier struct {
	stream *stream.Stream
	socket *os.File
	// One of both goes first, and the other one sees it.
	received, broken atomic.Bool
}

// Carry moves bytes both ways until both sides have ended, and closes the socket. The end of one
// direction is passed on and leaves the other one open.
func Carry(s *stream.Stream, socket *os.File) error {
	defer socket.Close()
	c := &carrier{stream: s, socket: socket}
	var sending sync.WaitGroup
	sending.Go(c.send)
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-s.Stopped():
			_ = socket.SetDeadline(time.Unix(1, 0))
		case <-finished:
		}
	}()
	err := c.receive()
	s.Output.Close()
	c.received.Store(true)
	if err != nil || c.broken.Load() || c.hungUp() {
		s.Stop() // what is sent goes nowhere any more
	}
	sending.Wait()
	return err
}

func (c *carrier) send() {
	for {
		data, err := c.stream.Next()
		if err == io.EOF {
			c.control(func(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) })
			return
		}
		if err == nil {
			_, err = c.socket.Write(data)
		}
		if err != nil {
			break
		}
	}
	// Nobody reads there any more. As long as the other direction goes on, input is thrown away.
	for c.broken.Store(true); !c.received.Load(); {
		if _, err := c.stream.Next(); err != nil {
			return
		}
	}
}

func (c *carrier) receive() error {
	out := c.stream.Writer()
	for {
		space, err := out.Space()
		if err != nil {
			return err
		}
		n, err := c.socket.Read(space)
		out.Advance(n)
		out.Flush()
		if err == io.EOF {
			return nil
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return stream.ErrStopped
		}
		if err != nil {
			return err
		}
	}
}

// hungUp says whether the other end is closed rather than only silent. TCP does not tell.
func (c *carrier) hungUp() (gone bool) {
	c.control(func(fd int) {
		poll := []unix.PollFd{{Fd: int32(fd)}}
		_, err := unix.Poll(poll, 0)
		gone = err == nil && poll[0].Revents&unix.POLLHUP != 0
	})
	return gone
}

func (c *carrier) control(call func(fd int)) {
	if raw, err := c.socket.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { call(int(fd)) })
	}
}
