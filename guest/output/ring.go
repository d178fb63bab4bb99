// Package output keeps what a process writes until the host has it. It owns the rule that no byte
// is lost or doubled: bytes are named by their offset, and only Acknowledge frees them.
package output

import (
	"errors"
	"sync"
)

// DefaultBytes is the size of a process's buffer when the host asks for none. The host acknowledges
// every 512 KiB, so that a process goes on while an acknowledgement is under way.
const DefaultBytes = 2 << 20

const (
	minBytes = 64 << 10
	maxBytes = 64 << 20
	// Alternating streams byte by byte would need a segment per byte; a process that does it waits
	// for the host earlier.
	maxSegments = 8192
)

// ErrFull says that the process must wait for the host.
var ErrFull = errors.New("output buffer is full")

// Chunk is a part of the output. Data stays valid until it is acknowledged.
type Chunk struct {
	Stream int32
	Offset uint64
	Data   []byte
}

type segment struct {
	begin  uint64
	stream int32
}

// Ring holds the streams of one process in the order of arrival.
//
//	begin          sent by Output       end
//	  │ acknowledged ↓ kept               │
//	──┴───────────────────────────────────┴──▶ offset; the byte at o is data[o mod len]
type Ring struct {
	filling sync.Mutex // held while bytes are read into the free part

	mu         sync.Mutex
	data       []byte
	begin, end uint64
	segments   []segment // by begin; the first one holds the byte at begin
	changed    chan struct{}
	closed     bool
}

// New returns an empty ring; its memory is not touched before it is needed.
func New(bytes int64) *Ring {
	if bytes <= 0 {
		bytes = DefaultBytes
	}
	bytes = min(max(bytes, minBytes), maxBytes)
	return &Ring{data: make([]byte, bytes), changed: make(chan struct{})}
}

// Fill calls read once with the free part of the buffer that follows the last byte. It returns
// ErrFull, without a call, when there is none.
func (r *Ring) Fill(stream int32, read func(free []byte) (int, error)) (int, error) {
	r.filling.Lock()
	defer r.filling.Unlock()
	r.mu.Lock()
	size := uint64(len(r.data))
	free := size - (r.end - r.begin)
	at := r.end % size
	crowded := len(r.segments) >= maxSegments
	r.mu.Unlock()
	if free == 0 || crowded {
		return 0, ErrFull
	}
	n, err := read(r.data[at:min(size, at+free)])
	r.commit(stream, n)
	return n, err
}

// free returns the free part that follows the last byte, as far as it lies in one piece.
func (r *Ring) free() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := uint64(len(r.data))
	at := r.end % size
	return r.data[at:min(size, at+size-(r.end-r.begin))]
}

// commit makes the first n bytes of the free part a stream's.
func (r *Ring) commit(stream int32, n int) {
	if n <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := len(r.segments) - 1; last < 0 || r.segments[last].stream != stream {
		r.segments = append(r.segments, segment{r.end, stream})
	}
	r.end += uint64(n)
	r.change()
}

// Next returns the bytes from offset on, as many as lie in one piece, at most limit. When there are
// none yet it returns a channel that is closed at the next change; after the last byte neither.
// An offset that was acknowledged before yields the oldest byte that is kept.
func (r *Ring) Next(offset uint64, limit int) (chunk Chunk, wait <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	offset = max(offset, r.begin)
	if offset >= r.end {
		if r.closed {
			return Chunk{Offset: r.end}, nil
		}
		return Chunk{Offset: offset}, r.changed
	}
	i := r.segmentAt(offset)
	end := r.end
	if i+1 < len(r.segments) {
		end = r.segments[i+1].begin
	}
	size := uint64(len(r.data))
	at := offset % size
	n := min(end-offset, size-at, uint64(limit))
	return Chunk{r.segments[i].stream, offset, r.data[at : at+n]}, nil
}

// segmentAt returns the index of the segment that holds offset. mu is held.
func (r *Ring) segmentAt(offset uint64) int {
	low, high := 0, len(r.segments)-1
	for low < high {
		middle := (low + high + 1) / 2
		if r.segments[middle].begin <= offset {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

// Acknowledge frees the bytes below offset.
func (r *Ring) Acknowledge(offset uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	offset = min(offset, r.end)
	if offset <= r.begin {
		return
	}
	r.begin = offset
	if offset == r.end {
		r.segments = r.segments[:0]
	} else {
		r.segments = r.segments[r.segmentAt(offset):]
	}
	r.change()
}

// WaitSpace returns a channel that is closed when bytes may have become free, nil if some are.
func (r *Ring) WaitSpace() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end-r.begin < uint64(len(r.data)) && len(r.segments) < maxSegments {
		return nil
	}
	return r.changed
}

// Close says that no byte will follow.
func (r *Ring) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.change()
}

// Range returns the offsets of the oldest byte that is kept and of the next one to come.
func (r *Ring) Range() (begin, end uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begin, r.end
}

func (r *Ring) change() {
	close(r.changed)
	r.changed = make(chan struct{})
}
