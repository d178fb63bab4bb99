package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A virtio-serial port is one byte stream without connections. The host may be killed in the middle
// of a frame and another may come, so every session begins with a preamble:
//
//	host → guest   magic (16 bytes), nonce (16 bytes)
//	guest → host   the same 32 bytes
//
// The guest drops what precedes a preamble; the host drops what precedes its own nonce.
const (
	serialMagic  = "CTR1\x00\xffpreamble\r\n"
	nonceBytes   = 16
	preambleSize = len(serialMagic) + nonceBytes
	portName     = "ctr.rpc"
)

// errReplaced says that a new host has taken the port over.
var errReplaced = errors.New("serial: a new session has begun")

// Serial is the port.
type Serial struct {
	file    *os.File
	pending []byte     // read, but part of the next session
	writing sync.Mutex // one write at a time; Close of a session waits for its last one
}

// OpenSerial opens the virtio-serial port for calls, nil if the VM has none.
func OpenSerial() (*Serial, error) {
	ports, err := os.ReadDir("/sys/class/virtio-ports")
	if err != nil {
		return nil, nil
	}
	for _, port := range ports {
		name, err := os.ReadFile("/sys/class/virtio-ports/" + port.Name() + "/name")
		if err != nil || strings.TrimSpace(string(name)) != portName {
			continue
		}
		fd, err := unix.Open("/dev/"+port.Name(), unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open the port %s: %w", portName, err)
		}
		return &Serial{file: os.NewFile(uintptr(fd), portName)}, nil
	}
	return nil, nil
}

// Accept waits for a host and its preamble.
func (s *Serial) Accept() (io.ReadWriteCloser, error) {
	for {
		// A preamble that is here already may have overtaken the news that its host is; then the
		// answer waits, because nothing more would come to wake a reader.
		if len(s.pending) == 0 {
			if err := s.waitForHost(); err != nil {
				return nil, err
			}
		}
		var nonce []byte
		scan := Scanner{}
		data := s.pending
		s.pending = nil
		buf := make([]byte, 4096)
		for nonce == nil {
			if len(data) == 0 {
				n, err := s.file.Read(buf)
				if err == io.EOF {
					break // the host has gone
				}
				if err != nil {
					return nil, fmt.Errorf("read the port: %w", err)
				}
				data = buf[:n]
			}
			var used int
			nonce, used = scan.Scan(data)
			data = data[used:]
		}
		if nonce == nil {
			continue
		}
		session := &session{port: s, early: bytes.Clone(data)}
		// The last session is closed, so no write of its can come behind our answer.
		_ = s.file.SetWriteDeadline(time.Time{})
		if _, err := session.Write(append([]byte(serialMagic), nonce...)); err != nil {
			continue
		}
		return session, nil
	}
}

// waitForHost sleeps until the host's end is open. The port reports a hang-up for as long as it is
// closed, and a change wakes the poller.
func (s *Serial) waitForHost() error {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		_, err := unix.Poll(poll, 0)
		return err == nil && poll[0].Revents&unix.POLLHUP == 0
	})
}

// Scanner finds a preamble in a stream of which it is handed one piece after another.
type Scanner struct{ seen []byte }

// Scan returns the nonce once it is complete, and how many bytes of data were used.
func (s *Scanner) Scan(data []byte) (nonce []byte, used int) {
	for i, b := range data {
		s.seen = append(s.seen, b)
		for len(s.seen) > 0 && len(s.seen) <= len(serialMagic) && string(s.seen) != serialMagic[:len(s.seen)] {
			s.seen = s.seen[1:]
		}
		if len(s.seen) == preambleSize {
			return s.seen[len(serialMagic):], i + 1
		}
	}
	return nil, len(data)
}

// session is the port from one preamble to the end of its host.
type session struct {
	port   *Serial
	early  []byte // came together with the preamble
	closed atomic.Bool
}

func (s *session) Read(p []byte) (int, error) {
	if len(s.early) > 0 {
		n := copy(p, s.early)
		s.early = s.early[n:]
		return n, nil
	}
	n, err := s.port.file.Read(p)
	for err == io.EOF {
		// The port is closed, or so the kernel says: it learns of closing and opening on another
		// queue than of data, so a session's first bytes may be here before the end of the last one
		// is. Whoever comes next begins with a preamble; without one, this is still our host.
		if err = s.port.waitForHost(); err == nil {
			n, err = s.port.file.Read(p)
		}
	}
	if err == nil && n >= len(serialMagic) && string(p[:len(serialMagic)]) == serialMagic {
		// One read returns what the host wrote at once, so a preamble is at its beginning.
		s.port.pending = bytes.Clone(p[:n])
		n, err = 0, errReplaced
	}
	if err != nil {
		s.Close()
	}
	return n, err
}

func (s *session) Write(p []byte) (int, error) {
	s.port.writing.Lock()
	defer s.port.writing.Unlock()
	if s.closed.Load() {
		return 0, os.ErrClosed // not into the next session
	}
	return s.port.file.Write(p)
}

// Close ends a write that waits for a host that has gone. When it returns, no byte of this session
// follows.
func (s *session) Close() error {
	if !s.closed.Swap(true) {
		_ = s.port.file.SetWriteDeadline(time.Unix(1, 0))
	}
	s.port.writing.Lock()
	defer s.port.writing.Unlock()
	return nil
}
