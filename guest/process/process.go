// Package process owns the life of one process after its plan is made: streams, start, exit. It
// knows nothing of containers.
package process

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
	"ctr/guest/output"
	"ctr/guest/plan"
	"ctr/guest/reap"
)

// How long output is waited for when the process has ended but something keeps its streams open.
const lastOutput = 200 * time.Millisecond

// A large pipe lets a process go on while we are busy with what it wrote before.
const pipeBytes = 1 << 20

// Streams are the descriptors of a new process and our ends of them.
type Streams struct {
	child [3]int
	owned []int // of child, to be closed after the start

	input    *os.File // nil: none
	terminal *os.File
	outputs  [2]*os.File // standard output and error
}

// Spec is what is needed to start.
type Spec struct {
	ID, ContainerID string
	Plan            *plan.Plan
	Streams         *Streams
	BufferBytes     int64
	CloneFlags      uintptr
	CgroupFD        int
	PidNamespace    int   // a pidfd whose PID namespace the process joins, -1: as CloneFlags say
	Files           []int // from plan.FirstFD on
	// OOMKills counts kills for want of memory in the process's cgroup. Blame tells whether one of them
	// ended the process, and who it was.
	OOMKills func() uint64
	Blame    func(pid int, failed bool) (name string, ok bool)
}

// Process is one process, running or ended.
type Process struct {
	ID, ContainerID string
	PID             int
	PidFD           int // valid until Close; names the process's namespaces too
	StartedUnixNs   int64
	Output          *output.Ring

	terminal *os.File
	exited   chan struct{}
	done     chan struct{}
	exit     *guestpb.Exit // readable once done is closed

	stdin       *os.File   // nil: none
	inputMu     sync.Mutex // held while the process is waited for, so nobody else may wait for it
	inputOpen   bool
	inputOffset atomic.Uint64 // changed under inputMu
}

// Start starts the process and returns when execve has succeeded.
func Start(reaper *reap.Reaper, spec *Spec) (*Process, error) {
	defer spec.Streams.closeChild()
	encoded, err := spec.Plan.Encode()
	if err != nil {
		return nil, err
	}
	planFD, err := unix.MemfdCreate("plan", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("write the start plan: %w", err)
	}
	defer unix.Close(planFD)
	if _, err := unix.Write(planFD, encoded); err != nil {
		return nil, fmt.Errorf("write the start plan: %w", err)
	}
	var failures [2]int
	if err := unix.Pipe2(failures[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	defer unix.Close(failures[0])

	files := []uintptr{}
	for _, fd := range append(append(spec.Streams.child[:], planFD, failures[1]), spec.Files...) {
		files = append(files, uintptr(fd))
	}
	p := &Process{
		ID: spec.ID, ContainerID: spec.ContainerID, PidFD: -1,
		Output: output.New(spec.BufferBytes), terminal: spec.Streams.terminal, stdin: spec.Streams.input, inputOpen: spec.Streams.input != nil,
		exited: make(chan struct{}), done: make(chan struct{}),
	}
	kills := spec.OOMKills()
	p.StartedUnixNs = time.Now().UnixNano()
	pid, exited, err := reaper.Start("/stage", []string{"stage"}, &syscall.ProcAttr{
		Dir: "/", Files: files,
		Sys: &syscall.SysProcAttr{
			Cloneflags: spec.CloneFlags, UseCgroupFD: true, CgroupFD: spec.CgroupFD, PidFD: &p.PidFD,
		},
	}, spec.PidNamespace)
	unix.Close(failures[1])
	if err != nil {
		spec.Streams.closeOurs()
		return nil, err
	}
	p.PID = pid
	if err := readFailure(failures[0], spec.Plan); err != nil {
		<-exited
		spec.Streams.closeOurs()
		p.Close()
		return nil, err
	}
	go p.run(spec, exited, kills)
	return p, nil
}

func readFailure(fd int, p *plan.Plan) error {
	report := make([]byte, 8)
	for {
		n, err := unix.Read(fd, report)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		return p.FailureOf(report[:n])
	}
}

// run pumps the output and ends with the process.
func (p *Process) run(spec *Spec, exited <-chan syscall.WaitStatus, kills uint64) {
	stop := make(chan struct{})
	var pumps sync.WaitGroup
	for i, file := range spec.Streams.outputs {
		if file != nil {
			pumps.Go(func() { output.Pump(p.Output, int32(guestpb.Stream_STREAM_STDOUT)+int32(i), file, stop) })
		}
	}
	pumped := make(chan struct{})
	go func() {
		pumps.Wait()
		close(pumped)
	}()

	status := <-exited
	close(p.exited)
	exit := exitOf(status)
	killed := status.Signaled() && status.Signal() == syscall.SIGKILL
	failed := status.Exited() && status.ExitStatus() != 0
	if (killed || failed) && spec.OOMKills() > kills {
		exit.OomVictim, exit.OomKilled = spec.Blame(p.PID, failed)
	}
	p.drain(spec.Streams, pumped, stop)
	p.Output.Close()
	_, exit.OutputEndOffset = p.Output.Range()
	p.CloseInput()
	p.exit = exit
	close(p.done)
}

// drain waits for what the process wrote before its end. As long as bytes come or the host makes
// the process wait, it goes on; when the streams are merely held open by someone else, it ends.
func (p *Process) drain(streams *Streams, pumped <-chan struct{}, stop chan struct{}) {
	for {
		_, before := p.Output.Range()
		select {
		case <-pumped:
			return
		case <-time.After(lastOutput):
		}
		if _, after := p.Output.Range(); after != before || p.Output.WaitSpace() != nil {
			continue
		}
		close(stop)
		for _, file := range streams.outputs {
			if file != nil {
				_ = file.SetReadDeadline(time.Unix(1, 0))
			}
		}
		<-pumped
		return
	}
}

func exitOf(status syscall.WaitStatus) *guestpb.Exit {
	exit := &guestpb.Exit{ExitedUnixNs: time.Now().UnixNano()}
	if status.Signaled() {
		exit.Signal = int32(status.Signal())
		exit.Status = 128 + exit.Signal
	} else {
		exit.Status = int32(status.ExitStatus())
	}
	return exit
}

// Done is closed when the process has ended and its output is complete.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exited is closed when the process has ended; its output may still be waiting for the host.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Exit returns how the process ended, nil while it runs.
func (p *Process) Exit() *guestpb.Exit {
	select {
	case <-p.done:
		return p.exit
	default:
		return nil
	}
}

// Ring returns the output.
func (p *Process) Ring() *output.Ring { return p.Output }

// Follow says that the host takes the output.
func (p *Process) Follow() {}

// State is what the host is told when it lists.
func (p *Process) State() *guestpb.ProcessState {
	begin, end := p.Output.Range()
	return &guestpb.ProcessState{
		ProcessId: p.ID, ContainerId: p.ContainerID, Pid: uint32(p.PID), StartedUnixNs: p.StartedUnixNs,
		Exit: p.Exit(), OutputBeginOffset: begin, OutputEndOffset: end, InputOffset: p.InputOffset(),
	}
}

// Signal sends a signal.
func (p *Process) Signal(signal unix.Signal) error {
	if p.Exit() != nil {
		return unix.ESRCH
	}
	return unix.PidfdSendSignal(p.PidFD, signal, nil, 0)
}

// Resize sets the size of the terminal.
func (p *Process) Resize(rows, columns uint32) error {
	if p.terminal == nil {
		return errors.New("the process has no terminal")
	}
	return setSize(p.terminal, rows, columns)
}

func setSize(terminal *os.File, rows, columns uint32) error {
	raw, err := terminal.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = raw.Control(func(fd uintptr) {
		failure = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(rows), Col: uint16(columns)})
	})
	return errors.Join(err, failure)
}

// Abandon waits for the end of a process that was killed, and frees what is kept of it. What it has written and nobody
// has taken is thrown away.
func (p *Process) Abandon() {
	for {
		p.Output.Acknowledge(math.MaxUint64)
		select {
		case <-p.done:
			p.Close()
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Close frees what is kept of an ended process.
func (p *Process) Close() { unix.Close(p.PidFD) }

// WriteInput writes what is not yet written of data, whose first byte has the given offset, and
// returns the offset of the next byte that is wanted. It waits for the process to read, until
// cancelled is closed.
func (p *Process) WriteInput(offset uint64, data []byte, end bool, cancelled <-chan struct{}) (uint64, error) {
	p.inputMu.Lock()
	defer p.inputMu.Unlock()
	wanted := p.inputOffset.Load()
	if offset > wanted {
		return wanted, nil // a gap: the host learns what is wanted
	}
	data = data[min(wanted-offset, uint64(len(data))):]
	if !p.inputOpen { // closed, or never open: input is thrown away
		return p.inputOffset.Add(uint64(len(data))), nil
	}
	finished := make(chan struct{})
	defer close(finished)
	_ = p.stdin.SetWriteDeadline(time.Time{})
	go func() {
		select {
		case <-cancelled:
		case <-p.done:
		case <-finished:
			return
		}
		_ = p.stdin.SetWriteDeadline(time.Unix(1, 0))
	}()
	n, err := p.stdin.Write(data)
	p.inputOffset.Add(uint64(n))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return p.inputOffset.Load(), nil
	}
	if err != nil || end { // the process does not read any more: what is left is thrown away
		p.inputOffset.Add(uint64(len(data) - n))
		p.closeInput()
	}
	return p.inputOffset.Load(), nil
}

// InputOffset returns the offset of the next byte of input that is wanted.
func (p *Process) InputOffset() uint64 { return p.inputOffset.Load() }

// CloseInput ends the input.
func (p *Process) CloseInput() {
	if p.stdin == nil {
		return
	}
	_ = p.stdin.SetWriteDeadline(time.Unix(1, 0)) // ends a write that holds the lock
	p.inputMu.Lock()
	defer p.inputMu.Unlock()
	p.closeInput()
}

func (p *Process) closeInput() {
	if p.inputOpen && p.stdin != p.terminal {
		p.stdin.Close()
	}
	p.inputOpen = false
}
