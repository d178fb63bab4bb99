package fabric

import (
	"sync"
	"sync/atomic"
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

// queue holds frames for one receiver, apart by sender, and hands them out in turns.
type queue struct {
	mu     sync.Mutex
	ready  sync.Cond
	lanes  map[string]*lane
	turns  []*lane // those with frames, in the order of their turns
	closed bool
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

// put takes the frame over, unless the sender has too much waiting already.
func (q *queue) put(sender string, data []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[sender]
	if l == nil {
		l = &lane{maxBytes: senderBytes, maxFrames: senderFrames}
		if sender == gatewaySender {
			l.maxBytes, l.maxFrames = gatewayBytes, gatewayFrames
		}
		q.lanes[sender] = l
	}
	if q.closed || len(l.frames) >= l.maxFrames || l.bytes+len(data) > l.maxBytes {
		return false
	}
	if len(l.frames) == 0 {
		q.turns = append(q.turns, l)
	}
	l.frames = append(l.frames, data)
	l.bytes += len(data)
	q.ready.Signal()
	return true
}

// take waits for frames and appends a batch of them, one of each sender in turn. It returns nil once closed,
// or once stopped says so; who sets that calls wake.
func (q *queue) take(batch [][]byte, stopped *atomic.Bool) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.turns) == 0 && !q.closed && !stopped.Load() {
		q.ready.Wait()
	}
	if q.closed || stopped.Load() {
		return nil
	}
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
	return batch
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
