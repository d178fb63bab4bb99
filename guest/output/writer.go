package output

import "errors"

// ErrStopped says that nobody wants the bytes any more.
var ErrStopped = errors.New("the output was stopped")

// What is written becomes visible to the host in pieces of this size, or at a Flush: each piece costs
// the host a message.
const commitBytes = 128 << 10

// Writer writes one stream into a ring of which it is the only writer. Bytes are made in the ring
// itself, so they are not copied on their way.
type Writer struct {
	ring   *Ring
	stream int32
	stop   <-chan struct{}
	free   []byte // follows what is committed
	used   int    // of free
}

// NewWriter returns a writer that waits for space until stop is closed.
func NewWriter(ring *Ring, stream int32, stop <-chan struct{}) *Writer {
	return &Writer{ring: ring, stream: stream, stop: stop}
}

// Space returns room for at least one byte. Advance says how much of it was filled.
func (w *Writer) Space() ([]byte, error) {
	if w.used >= commitBytes {
		w.Flush()
	}
	for w.used == len(w.free) {
		w.Flush()
		wait := w.ring.WaitSpace()
		if wait != nil {
			select {
			case <-wait:
				continue
			case <-w.stop:
				return nil, ErrStopped
			}
		}
		w.free = w.ring.free()
	}
	select {
	case <-w.stop:
		return nil, ErrStopped
	default:
		return w.free[w.used:], nil
	}
}

// Advance takes n bytes of what Space returned.
func (w *Writer) Advance(n int) { w.used += n }

// Write copies p.
func (w *Writer) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		space, err := w.Space()
		if err != nil {
			return len(p) - len(rest), err
		}
		n := copy(space, rest)
		w.Advance(n)
		rest = rest[n:]
	}
	return len(p), nil
}

// Flush shows the host what was written.
func (w *Writer) Flush() {
	w.ring.commit(w.stream, w.used)
	w.free, w.used = w.free[w.used:], 0
}
