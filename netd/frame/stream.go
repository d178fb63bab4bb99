// Package frame reads and writes Ethernet frames on the sockets that VMs are plugged in by.
//
// A stream socket carries each frame behind its length, four bytes, big-endian (QEMU's `-netdev stream` and `socket`).
// A datagram socket carries one frame a datagram (Virtualization.framework's file-handle attachment).
package frame

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

const (
	// MaxBytes is the largest frame that is taken: the largest IP packet behind an Ethernet header.
	MaxBytes = 65535 + HeaderBytes
	// HeaderBytes is an Ethernet header without tags.
	HeaderBytes = 14

	lengthBytes = 4
	batchBytes  = 256 << 10
	// Smaller frames are copied together: a part of a call of the system costs as much.
	smallBytes = 2048
	smallRoom  = 64 * (lengthBytes + smallBytes)
	// What is on its way to a guest in one burst; systems give less.
	writeBufferBytes = 1 << 20
)

// ErrTooLarge is a length that no frame has: whoever sent it does not speak the protocol, or means harm. The stream
// cannot be read on.
var ErrTooLarge = errors.New("a frame is larger than any can be")

// Conn carries frames in both directions. One goroutine may read while another writes.
type Conn interface {
	// Read returns the next frame, which is valid until the next call. Frames may be shorter than a header.
	Read() ([]byte, error)
	// Write sends the frames in order, in as few calls of the system as it can.
	Write(frames [][]byte) error
	Close() error
}

// Direct is a connection that can say that it would have to wait.
type Direct interface {
	Conn
	// TryWrite sends one frame, given in parts, unless it would have to wait: then it sends nothing of it. When it says
	// that a rest is left, the end of the frame is kept, and goes with the next Write, even one of no frames.
	TryWrite(parts [][]byte) (sent, rest bool, err error)
}

type stream struct {
	conn   net.Conn
	reader *bufio.Reader
	taken  int // bytes of the reader that Read has returned
	// Lengths and small frames of a batch, and all of it in order.
	small []byte
	whole net.Buffers
	now   *sender
	rest  []byte
}

// Stream carries frames on a stream socket.
func Stream(conn net.Conn) Conn {
	if socket, ok := conn.(interface{ SetWriteBuffer(int) error }); ok {
		_ = socket.SetWriteBuffer(writeBufferBytes)
	}
	return &stream{
		conn: conn, reader: bufio.NewReaderSize(conn, batchBytes), small: make([]byte, 0, smallRoom), now: newSender(conn),
	}
}

func (s *stream) Read() ([]byte, error) {
	_, _ = s.reader.Discard(s.taken) // it is there
	s.taken = 0
	length, err := s.reader.Peek(lengthBytes)
	if err != nil {
		if len(length) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	size := binary.BigEndian.Uint32(length)
	if size > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	data, err := s.reader.Peek(lengthBytes + int(size))
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	s.taken = len(data)
	return data[lengthBytes:], nil
}

// Write copies small frames together and leaves large ones where they are.
func (s *stream) Write(frames [][]byte) error {
	if len(s.rest) > 0 {
		s.whole = append(s.whole, s.rest)
		s.rest = nil
	}
	from := 0
	for _, frame := range frames {
		if len(s.small)+lengthBytes+smallBytes > cap(s.small) {
			if err := s.flush(from); err != nil {
				return err
			}
			from = 0
		}
		s.small = binary.BigEndian.AppendUint32(s.small, uint32(len(frame)))
		if len(frame) <= smallBytes {
			s.small = append(s.small, frame...)
			continue
		}
		s.whole = append(s.whole, s.small[from:], frame)
		from = len(s.small)
	}
	return s.flush(from)
}

func (s *stream) flush(from int) error {
	if from < len(s.small) {
		s.whole = append(s.whole, s.small[from:])
	}
	whole := s.whole // what is written is taken from it
	_, err := whole.WriteTo(s.conn)
	clear(s.whole)
	s.whole, s.small = s.whole[:0], s.small[:0]
	return err
}

func (s *stream) TryWrite(parts [][]byte) (sent, rest bool, err error) {
	if s.now == nil || len(s.rest) > 0 {
		return false, len(s.rest) > 0, nil
	}
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	n, err := s.now.send(binary.BigEndian.AppendUint32(s.now.head[:0], uint32(size)), parts)
	if n == 0 || err != nil {
		return false, false, err
	}
	s.rest = s.now.after(n)
	return true, len(s.rest) > 0, nil
}

func (s *stream) Close() error { return s.conn.Close() }
