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

type stream struct {
	conn   net.Conn
	reader *bufio.Reader
	frame  []byte
	batch  []byte
}

// Stream carries frames on a stream socket.
func Stream(conn net.Conn) Conn {
	return &stream{conn: conn, reader: bufio.NewReaderSize(conn, batchBytes), frame: make([]byte, MaxBytes)}
}

func (s *stream) Read() ([]byte, error) {
	var length [lengthBytes]byte
	if _, err := io.ReadFull(s.reader, length[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(length[:])
	if size > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	frame := s.frame[:size]
	if _, err := io.ReadFull(s.reader, frame); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return frame, nil
}

func (s *stream) Write(frames [][]byte) error {
	for _, frame := range frames {
		if len(s.batch) > 0 && len(s.batch)+lengthBytes+len(frame) > batchBytes {
			if err := s.flush(); err != nil {
				return err
			}
		}
		s.batch = binary.BigEndian.AppendUint32(s.batch, uint32(len(frame)))
		s.batch = append(s.batch, frame...)
	}
	return s.flush()
}

func (s *stream) flush() error {
	_, err := s.conn.Write(s.batch)
	s.batch = s.batch[:0]
	return err
}

func (s *stream) Close() error { return s.conn.Close() }
