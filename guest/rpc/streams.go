package rpc

import (
	"fmt"
	"time"

	"ctr/guest/container"
	"ctr/guest/files"
	"ctr/guest/gen/guestpb"
	"ctr/guest/h2"
	"ctr/guest/sockets"
	"ctr/guest/stream"
	"ctr/guest/wire"
)

// How long a shutdown waits for streams that were told to stop.
const stopStreamsWithin = 5 * time.Second

func (s *Server) openStream(r *guestpb.OpenStreamRequest) (wire.Message, error) {
	c, err := s.container(r.ContainerId)
	if err != nil {
		return nil, err
	}
	work, err := workOf(c, r)
	if err != nil {
		return nil, err
	}
	opened := stream.New(r.Id, r.ContainerId, r.OutputBufferBytes)
	if err := s.keep(opened); err != nil {
		return nil, err
	}
	s.begin(c, opened, work)
	return &guestpb.Empty{}, nil
}

// workOf checks what can be said at once; what the work finds out is told by its exit.
func workOf(c *container.Container, r *guestpb.OpenStreamRequest) (func(*stream.Stream) error, error) {
	root, err := c.View()
	if err != nil {
		return nil, err
	}
	switch {
	case r.CopyOut != nil:
		return func(s *stream.Stream) error { return files.CopyOut(root, r.CopyOut, s.Writer()) }, nil
	case r.CopyIn != nil:
		return func(s *stream.Stream) error { return files.CopyIn(root, r.CopyIn, s) }, nil
	case r.Dial != nil:
		// Connected at once, so that whoever asks learns whether somebody listens.
		socket, err := sockets.Dial(root, r.Dial)
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", r.Dial.Address, err)
		}
		return func(s *stream.Stream) error { return sockets.Carry(s, socket) }, nil
	}
	return nil, fmt.Errorf("%w: a stream of no kind", container.ErrInvalid)
}

// keep lists a stream under its ID.
func (s *Server) keep(opened *stream.Stream) error {
	if err := s.reserve(opened.ID); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.processes, opened.ID)
	s.streams[opened.ID] = opened
	return nil
}

// begin does a stream's work, which ends with its container at the latest.
func (s *Server) begin(c *container.Container, opened *stream.Stream, work func(*stream.Stream) error) {
	go opened.Run(work, describe)
	go func() {
		select {
		case <-c.Ended():
			opened.Stop()
		case <-opened.Done():
		}
	}()
}

// describe puts the kind of a failure before it.
func describe(err error) string {
	status, ok := statusOf(err).(*h2.Status)
	if !ok || status.Kind == "" {
		return err.Error()
	}
	return status.Kind + ": " + status.Message
}

// forgetStream drops a stream, and ends it if it has not ended.
func (s *Server) forgetStream(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.streams[id]
	if found == nil {
		return false
	}
	found.Stop()
	delete(s.streams, id)
	return true
}

// stopStreams ends every stream, so that none of them holds a disk.
func (s *Server) stopStreams() {
	s.listeners.closeAll()
	s.mu.Lock()
	var running []*stream.Stream
	for _, each := range s.streams {
		each.Stop()
		running = append(running, each)
	}
	s.mu.Unlock()
	timeout := time.After(stopStreamsWithin)
	for _, each := range running {
		select {
		case <-each.Done():
		case <-timeout:
			return
		}
	}
}
