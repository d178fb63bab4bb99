package stream

import (
	"io"
	"sync"
)

// What waits to be read; the host goes on writing while the guest works on what it has.
const inputBytes = 1 << 20

// Input is what the host sends. One goroutine reads it.
type Input struct {
	mu      sync.Mutex
	queue   [][]byte
	queued  int
	closed  bool
	changed chan struct{}
}

func newInput() *Input { return &Input{changed: make(chan struct{})} }

// push takes data, which is not copied, once there is room, and says whether it did.
func (in *Input) push(data []byte, end bool, cancelled, stopped <-chan struct{}) bool {
	for {
		in.mu.Lock()
		if in.queued < inputBytes || len(data) == 0 {
			if len(data) > 0 {
				in.queue = append(in.queue, data)
				in.queued += len(data)
			}
			in.closed = in.closed || end
			in.change()
			in.mu.Unlock()
			return true
		}
		wait := in.changed
		in.mu.Unlock()
		select {
		case <-wait:
		case <-cancelled:
			return false
		case <-stopped:
			return false
		}
	}
}

// next returns what came first, io.EOF after the last of it.
func (in *Input) next(stopped <-chan struct{}) ([]byte, error) {
	for {
		in.mu.Lock()
		if len(in.queue) > 0 {
			data := in.queue[0]
			in.queue[0] = nil
			in.queue = in.queue[1:]
			in.queued -= len(data)
			in.change()
			in.mu.Unlock()
			return data, nil
		}
		closed, wait := in.closed, in.changed
		in.mu.Unlock()
		if closed {
			return nil, io.EOF
		}
		select {
		case <-wait:
		case <-stopped:
			return nil, ErrStopped
		}
	}
}

// mu is held.
func (in *Input) change() {
	close(in.changed)
	in.changed = make(chan struct{})
}
