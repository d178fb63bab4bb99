// Package stream owns what passes bytes like a process and is none: work of the guest's own, with an
// input, an output that is kept until the host has it, and an end. It does not know what the work is.
package stream

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ctr/guest/gen/guestpb"
	"ctr/guest/output"
)

// ErrStopped ends the work of a stream that nobody wants any more.
var ErrStopped = errors.New("the stream was stopped")

// maxError is what an exit says about a failure.
const maxError = 1000

// Stream is one stream, running or ended.
type Stream struct {
	ID, ContainerID string
	Output          *output.Ring
	// Ready is called when the host follows the output; nil: nobody asks.
	Ready func()

	startedUnixNs int64
	input         *Input
	stopped       chan struct{}
	stop          sync.Once
	done          chan struct{}
	exit          *guestpb.Exit // readable once done is closed

	inputMu     sync.Mutex
	inputOpen   bool
	inputOffset atomic.Uint64 // changed under inputMu
}

// New returns a stream whose work has not begun.
func New(id, containerID string, bufferBytes int64) *Stream {
	return &Stream{
		ID: id, ContainerID: containerID, Output: output.New(bufferBytes),
		startedUnixNs: time.Now().UnixNano(), input: newInput(), inputOpen: true,
		stopped: make(chan struct{}), done: make(chan struct{}),
	}
}

// Run does the work and ends the stream with it. describe puts a failure into words.
func (s *Stream) Run(work func(*Stream) error, describe func(error) string) {
	err := work(s)
	exit := &guestpb.Exit{}
	if err != nil {
		exit.Status, exit.Error = 1, describe(err)
		exit.Error = exit.Error[:min(len(exit.Error), maxError)]
	}
	exit.ExitedUnixNs = time.Now().UnixNano()
	s.Output.Close()
	_, exit.OutputEndOffset = s.Output.Range()
	s.exit = exit
	close(s.done)
}

// Writer returns the stream's output, for one goroutine.
func (s *Stream) Writer() *output.Writer {
	return output.NewWriter(s.Output, int32(guestpb.Stream_STREAM_STDOUT), s.stopped)
}

// Next returns the next piece of the input, io.EOF at its end. The piece is the caller's.
func (s *Stream) Next() ([]byte, error) { return s.input.next(s.stopped) }

// Stop ends the work soon.
func (s *Stream) Stop() { s.stop.Do(func() { close(s.stopped) }) }

// Stopped is closed by Stop.
func (s *Stream) Stopped() <-chan struct{} { return s.stopped }

// Done is closed when the work has ended.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Exit returns how the stream ended, nil while it works.
func (s *Stream) Exit() *guestpb.Exit {
	select {
	case <-s.done:
		return s.exit
	default:
		return nil
	}
}

// Ring returns the output.
func (s *Stream) Ring() *output.Ring { return s.Output }

// Follow says that the host takes the output.
func (s *Stream) Follow() {
	if s.Ready != nil {
		s.Ready()
	}
}

// State is what the host is told when it lists.
func (s *Stream) State() *guestpb.ProcessState {
	begin, end := s.Output.Range()
	return &guestpb.ProcessState{
		ProcessId: s.ID, ContainerId: s.ContainerID, StartedUnixNs: s.startedUnixNs, Exit: s.Exit(),
		OutputBeginOffset: begin, OutputEndOffset: end, InputOffset: s.inputOffset.Load(),
	}
}

// WriteInput hands over what is not yet there of data, whose first byte has the given offset, and
// returns the offset of the next byte that is wanted. It waits for room until cancelled is closed.
func (s *Stream) WriteInput(offset uint64, data []byte, end bool, cancelled <-chan struct{}) (uint64, error) {
	s.inputMu.Lock()
	defer s.inputMu.Unlock()
	wanted := s.inputOffset.Load()
	if offset > wanted {
		return wanted, nil // a gap: the host learns what is wanted
	}
	data = data[min(wanted-offset, uint64(len(data))):]
	// After the end of the input or of the work, input is thrown away, as a closed pipe does.
	if s.inputOpen && !s.input.push(data, end, cancelled, s.done) && s.Exit() == nil {
		return wanted, nil
	}
	s.inputOpen = s.inputOpen && !end
	return s.inputOffset.Add(uint64(len(data))), nil
}
