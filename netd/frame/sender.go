package frame

import (
	"net"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// sender gives a socket what it takes at once.
type sender struct {
	raw   syscall.RawConn
	head  [lengthBytes]byte
	parts [][]byte
	n     int
	err   error
	call  func(fd uintptr) bool // made once: one for each frame would be garbage
}

// newSender returns nil for what is no socket.
func newSender(conn net.Conn) *sender {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	s := &sender{raw: raw}
	s.call = func(fd uintptr) bool {
		s.n, s.err = unix.SendmsgBuffers(int(fd), s.parts, nil, nil, unix.MSG_DONTWAIT)
		return true
	}
	return s
}

// send returns how many bytes were sent, 0 if the socket would have to be waited for. An empty head is none.
func (s *sender) send(head []byte, parts [][]byte) (int, error) {
	s.parts = s.parts[:0]
	if len(head) > 0 {
		s.parts = append(s.parts, head)
	}
	s.parts = append(s.parts, parts...)
	if err := s.raw.Write(s.call); err != nil {
		return 0, err
	}
	switch s.err {
	case nil:
		return s.n, nil
	case unix.EAGAIN, unix.EINTR, unix.ENOBUFS:
		return 0, nil
	}
	return 0, s.err
}

// after returns a copy of what was given behind the first n bytes, nil if that was all.
func (s *sender) after(n int) []byte {
	for at, part := range s.parts {
		if n < len(part) {
			return slices.Concat(part[n:], slices.Concat(s.parts[at+1:]...))
		}
		n -= len(part)
	}
	return nil
}
