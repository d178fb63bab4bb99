package process

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Pipes makes pipes for a process that runs as uid and gid. Without input its standard input is
// /dev/null. The process may open its streams again by name, so they belong to its user.
func Pipes(uid, gid uint32, input bool) (*Streams, error) {
	s := &Streams{child: [3]int{-1, -1, -1}}
	for i := range s.outputs {
		var fds [2]int
		if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
			s.closeAll()
			return nil, fmt.Errorf("make a pipe: %w", err)
		}
		s.give(i+1, fds[1])
		_ = unix.SetNonblock(fds[0], true)
		s.outputs[i] = os.NewFile(uintptr(fds[0]), "output")
		_, _ = unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, pipeBytes) // the default will do
		_ = unix.Fchown(fds[1], int(uid), int(gid))
	}
	if !input {
		fd, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			s.closeAll()
			return nil, fmt.Errorf("open /dev/null: %w", err)
		}
		s.give(0, fd)
		return s, nil
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		s.closeAll()
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	s.give(0, fds[0])
	_ = unix.SetNonblock(fds[1], true)
	_ = unix.Fchown(fds[0], int(uid), int(gid))
	s.input = os.NewFile(uintptr(fds[1]), "input")
	return s, nil
}

// Terminal takes the two ends of a pseudo terminal.
func Terminal(master, slave int, uid uint32, rows, columns uint32) (*Streams, error) {
	const ttyGroup = 5
	s := &Streams{child: [3]int{slave, slave, slave}, owned: []int{slave}}
	s.terminal = os.NewFile(uintptr(master), "terminal")
	s.input, s.outputs[0] = s.terminal, s.terminal
	_ = unix.Fchown(slave, int(uid), ttyGroup)
	if rows > 0 && columns > 0 {
		if err := setSize(s.terminal, rows, columns); err != nil {
			s.closeAll()
			return nil, fmt.Errorf("set the terminal's size: %w", err)
		}
	}
	return s, nil
}

func (s *Streams) give(i, fd int) {
	s.child[i] = fd
	s.owned = append(s.owned, fd)
}

func (s *Streams) closeChild() {
	for _, fd := range s.owned {
		unix.Close(fd)
	}
	s.owned = nil
}

func (s *Streams) closeOurs() {
	for _, file := range [...]*os.File{s.input, s.terminal, s.outputs[0], s.outputs[1]} {
		if file != nil {
			file.Close()
		}
	}
}

func (s *Streams) closeAll() {
	s.closeChild()
	s.closeOurs()
}
