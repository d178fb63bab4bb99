package frame

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// A datagram socket whose reader is slow answers ENOBUFS (macOS) instead of waiting; it is asked again this soon.
const retryAfter = 200 * time.Microsecond

type datagram struct {
	conn  net.Conn
	frame []byte
	now   *sender
}

// Datagram carries frames on a connected datagram socket.
func Datagram(conn net.Conn) Conn {
	return &datagram{conn: conn, frame: make([]byte, MaxBytes+1), now: newSender(conn)}
}

func (d *datagram) Read() ([]byte, error) {
	for {
		n, err := d.conn.Read(d.frame)
		if err != nil {
			return nil, err
		}
		if n <= MaxBytes { // what is larger was cut, and is no frame
			return d.frame[:n], nil
		}
	}
}

func (d *datagram) Write(frames [][]byte) error {
	for _, frame := range frames {
		for {
			_, err := d.conn.Write(frame)
			if errors.Is(err, syscall.ENOBUFS) {
				time.Sleep(retryAfter)
				continue
			}
			if errors.Is(err, syscall.EMSGSIZE) {
				break // larger than the socket takes: dropped, as a wire would
			}
			if err != nil {
				return err
			}
			break
		}
	}
	return nil
}

func (d *datagram) TryWrite(parts [][]byte) (sent, rest bool, err error) {
	if d.now == nil {
		return false, false, nil
	}
	n, err := d.now.send(nil, parts)
	if errors.Is(err, syscall.EMSGSIZE) {
		return true, false, nil // as Write
	}
	return n > 0 && err == nil, false, err
}

func (d *datagram) Close() error { return d.conn.Close() }
