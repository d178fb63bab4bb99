package rpc

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"ctr/guest/container"
	"ctr/guest/gen/guestpb"
	"ctr/guest/h2"
	"ctr/guest/sockets"
	"ctr/guest/stream"
	"ctr/guest/wire"
)

const (
	maxListeners = 256
	// A connection that the host does not take is closed after this.
	takeWithin = 10 * time.Second
	// Connections that wait for the host; the next ones wait in the socket's own queue.
	maxUntaken = 64
)

// listeners are the sockets inside containers, and the connections that the host was not told of yet.
type listeners struct {
	mu      sync.Mutex
	open    map[string]*sockets.Listener
	waiting []*guestpb.AcceptEvent
	of      []string // the container of each
	changed chan struct{}
	count   uint64
	slots   chan struct{}
}

func newListeners() *listeners {
	return &listeners{
		open: make(map[string]*sockets.Listener), changed: make(chan struct{}), slots: make(chan struct{}, maxUntaken),
	}
}

func (s *Server) listen(r *guestpb.ListenRequest) (wire.Message, error) {
	c, err := s.container(r.ContainerId)
	if err != nil {
		return nil, err
	}
	root, err := c.View()
	if err != nil {
		return nil, err
	}
	l := s.listeners
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[r.Id] != nil {
		return nil, &h2.Status{Code: h2.AlreadyExists, Kind: "exists", Message: fmt.Sprintf("the listener %q exists already", r.Id)}
	}
	if len(l.open) >= maxListeners {
		return nil, &h2.Status{Code: h2.ResourceExhausted, Kind: "too-large", Message: fmt.Sprintf("more than %d listeners", maxListeners)}
	}
	listener, err := sockets.Listen(root, r)
	if err != nil {
		return nil, err
	}
	l.open[r.Id] = listener
	go s.take(c, listener)
	return &guestpb.Empty{}, nil
}

// takeAll serves the sockets that a container was started with.
func (s *Server) takeAll(c *container.Container) {
	l := s.listeners
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, listener := range c.Listeners {
		l.open[listener.ID] = listener
		go s.take(c, listener)
	}
}

func (s *Server) closeListener(r *guestpb.CloseListenerRequest) (wire.Message, error) {
	l := s.listeners
	l.mu.Lock()
	defer l.mu.Unlock()
	listener := l.open[r.Id]
	if listener == nil {
		return nil, &h2.Status{Code: h2.NotFound, Kind: "not-found", Message: fmt.Sprintf("no listener %q", r.Id)}
	}
	delete(l.open, r.Id)
	listener.Close()
	return &guestpb.Empty{}, nil
}

// take makes a stream of every connection, until the listener is closed or its container has ended.
func (s *Server) take(c *container.Container, listener *sockets.Listener) {
	closed := make(chan struct{})
	defer close(closed)
	go func() {
		select {
		case <-c.Ended():
			listener.Close()
		case <-closed:
		}
	}()
	for {
		s.listeners.slots <- struct{}{}
		connection, err := listener.Accept()
		if err != nil {
			<-s.listeners.slots
			return
		}
		if !s.offer(c, listener, connection) {
			<-s.listeners.slots
			connection.Close()
		}
	}
}

// offer lists a connection as a stream and tells the host of it.
func (s *Server) offer(c *container.Container, listener *sockets.Listener, connection *os.File) bool {
	l := s.listeners
	l.mu.Lock()
	l.count++
	id := listener.ID + "." + strconv.FormatUint(l.count, 10)
	l.mu.Unlock()
	opened := stream.New(id, c.ID, 0)
	var once sync.Once
	taken := make(chan struct{})
	opened.Ready = func() { once.Do(func() { close(taken) }) }
	if s.keep(opened) != nil {
		return false
	}
	s.begin(c, opened, func(each *stream.Stream) error { return sockets.Carry(each, connection) })
	go func() {
		defer func() { <-l.slots }()
		select {
		case <-taken:
		case <-time.After(takeWithin):
			s.forgetStream(id)
		}
		l.forget(id)
	}()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, &guestpb.AcceptEvent{ListenerId: listener.ID, StreamId: id})
	l.of = append(l.of, c.ID)
	l.change()
	return true
}

// accept tells of connections as they come. What nobody has followed yet is told again to whoever asks
// later, because the last one may have gone before it read of it.
func (s *Server) accept(call *h2.Call, data []byte) error {
	request := new(guestpb.AcceptRequest)
	if err := request.Decode(data); err != nil {
		return &h2.Status{Code: h2.InvalidArgument, Message: err.Error()}
	}
	l := s.listeners
	told := make(map[string]bool)
	for {
		l.mu.Lock()
		var fresh []*guestpb.AcceptEvent
		here := make(map[string]bool, len(l.waiting))
		for i, event := range l.waiting {
			here[event.StreamId] = told[event.StreamId]
			if !told[event.StreamId] && (request.ContainerId == "" || request.ContainerId == l.of[i]) {
				fresh = append(fresh, event)
				here[event.StreamId] = true
			}
		}
		told = here
		wait := l.changed
		l.mu.Unlock()
		for _, event := range fresh {
			if err := call.Send(event.Append(nil), nil); err != nil {
				return err
			}
		}
		select {
		case <-wait:
		case <-call.Done():
			return h2.ErrCancelled
		}
	}
}

func (l *listeners) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.IndexFunc(l.waiting, func(e *guestpb.AcceptEvent) bool { return e.StreamId == id }); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		l.of = slices.Delete(l.of, i, i+1)
	}
}

// of returns the IDs of a container's listeners.
func (l *listeners) ofContainer(id string) (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, listener := range l.open {
		if listener.ContainerID == id {
			ids = append(ids, listener.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func (l *listeners) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, listener := range l.open {
		listener.Close()
		delete(l.open, id)
	}
}

// mu is held.
func (l *listeners) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}
