package fabric

import (
	"sync"
	"sync/atomic"

	"ctr/netd/frame"
)

const (
	// What one sender may have waiting at one receiver. A sender that is faster than the receiver loses frames, and
	// nobody else does.
	senderBytes  = 1 << 20
	senderFrames = 1024
	// The gateway is one sender for the whole world.
	gatewayBytes  = 8 << 20
	gatewayFrames = 16 << 10
	// What is handed to the socket at once.
	batchFrames = 64
)

// queue holds frames for one receiver, apart by sender, and hands them out in turns. A frame that finds nobody else's
// before it goes to the socket at once, from where it is: that spares a copy, and the wait for another thread.
type queue struct {
	mu      sync.Mutex
	ready   sync.Cond // something has changed for who waits in take or detach
	direct  frame.Direct
	writing bool // somebody is at the socket
	rest    bool // the socket is owed the end of a frame
	lanes   map[string]*lane
	turns   []*lane // those with frames, in the order of their turns
	closed  bool
}

type lane struct {
	frames              [][]byte
	bytes               int
	maxBytes, maxFrames int
}

func newQueue() *queue {
	q := &queue{lanes: make(map[string]*lane)}
	q.ready.L = &q.mu
	return q
}

// attach sends what comes from now on by a connection, if it can say that it would have to wait.
func (q *queue) attach(conn frame.Conn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.direct, _ = conn.(frame.Direct)
}

// detach returns when nobody is at the connection.
func (q *queue) detach() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.direct = nil
	for q.writing {
		q.ready.Wait()
	}
	q.rest = false
}

// put sends a frame, given in parts, or keeps a copy, unless the sender has too much waiting already. It tells
// whether it was sent at once.
func (q *queue) put(sender string, parts [][]byte) (sent, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.direct != nil && !q.writing && !q.rest && len(q.turns) == 0 && !q.closed {
		conn := q.direct
		q.writing = true
		q.mu.Unlock()
		done, rest, err := conn.TryWrite(parts)
		q.mu.Lock()
		q.writing, q.rest = false, rest
		if rest || len(q.turns) > 0 || q.direct == nil { // else nobody has to be woken
			q.ready.Broadcast()
		}
		if done || err != nil {
			return done, done // after an error the reader finds the same
		}
	}
	return false, q.keep(sender, parts)
}

func (q *queue) keep(sender string, parts [][]byte) bool {
	l := q.lanes[sender]
	if l == nil {
		l = &lane{maxBytes: senderBytes, maxFrames: senderFrames}
		if sender == gatewaySender {
			l.maxBytes, l.maxFrames = gatewayBytes, gatewayFrames
		}
		q.lanes[sender] = l
	}
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	if q.closed || len(l.frames) >= l.maxFrames || l.bytes+size > l.maxBytes {
		return false
	}
	if len(l.frames) == 0 {
		q.turns = append(q.turns, l)
	}
	l.frames = append(l.frames, kept(parts, size))
	l.bytes += size
	if !q.writing {
		q.ready.Broadcast()
	}
	return true
}

// take waits for frames and appends a batch of them, one of each sender in turn; none if only the socket is owed
// something. Who takes is at the socket until done is called. It says no once closed, or once stopped says so; who
// sets that calls wake.
func (q *queue) take(batch [][]byte, stopped *atomic.Bool) ([][]byte, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for (q.writing || len(q.turns) == 0 && !q.rest) && !q.closed && !stopped.Load() {
		q.ready.Wait()
	}
	if q.closed || stopped.Load() {
		return nil, false
	}
	q.writing = true
	for len(batch) < batchFrames && len(q.turns) > 0 {
		l := q.turns[0]
		q.turns = q.turns[1:]
		data := l.frames[0]
		l.frames[0] = nil
		l.frames = l.frames[1:]
		l.bytes -= len(data)
		batch = append(batch, data)
		if len(l.frames) > 0 {
			q.turns = append(q.turns, l)
		} else {
			l.frames = nil // a burst's array is not kept
		}
	}
	return batch, true
}

// done ends what take began.
func (q *queue) done() {
	q.mu.Lock()
	q.writing, q.rest = false, false
	q.ready.Broadcast()
	q.mu.Unlock()
}

// drop forgets what a sender that is gone has waiting.
func (q *queue) drop(sender string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	gone := q.lanes[sender]
	delete(q.lanes, sender)
	for at, l := range q.turns {
		if l == gone {
			q.turns = append(q.turns[:at:at], q.turns[at+1:]...)
			return
		}
	}
}

// wake lets who waits in take look again.
func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ready.Broadcast()
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.ready.Broadcast()
}

// Frames of this size and more are kept in memory that is used again: it would be most of what is collected.
const largeBytes = 16 << 10

var large = sync.Pool{New: func() any { return new([frame.MaxBytes]byte) }}

func kept(parts [][]byte, size int) []byte {
	var data []byte
	if size >= largeBytes && size <= frame.MaxBytes {
		data = large.Get().(*[frame.MaxBytes]byte)[:0]
	} else {
		data = make([]byte, 0, size)
	}
	for _, part := range parts {
		data = append(data, part...)
	}
	return data
}

// release takes back what kept has returned.
func release(data []byte) {
	if cap(data) == frame.MaxBytes {
		large.Put((*[frame.MaxBytes]byte)(data[:frame.MaxBytes]))
	}
}
