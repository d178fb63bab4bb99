package rpc

import (
	"ctr/guest/files"
	"ctr/guest/gen/guestpb"
	"ctr/guest/netcfg"
	"ctr/guest/netserve"
	"ctr/guest/wire"
)

func (s *Server) statPath(r *guestpb.StatPathRequest) (wire.Message, error) {
	c, err := s.container(r.ContainerId)
	if err != nil {
		return nil, err
	}
	root, err := c.View()
	if err != nil {
		return nil, err
	}
	return files.Stat(root, r.Path)
}

func (s *Server) freeze(r *guestpb.FreezeRequest) (wire.Message, error) {
	c, err := s.container(r.ContainerId)
	if err != nil {
		return nil, err
	}
	return &guestpb.Empty{}, c.Freeze(r)
}

func (s *Server) thaw(r *guestpb.ThawRequest) (wire.Message, error) {
	c, err := s.container(r.ContainerId)
	if err != nil {
		return nil, err
	}
	return &guestpb.Empty{}, c.Thaw(r)
}

func (s *Server) update(r *guestpb.UpdateRequest) (wire.Message, error) {
	c, err := s.container(r.ContainerId)
	if err != nil {
		return nil, err
	}
	return &guestpb.Empty{}, c.Update(r.Limits)
}

func (s *Server) containerState(r *guestpb.ContainerStateRequest) (wire.Message, error) {
	s.mu.Lock()
	c := s.containers[r.ContainerId]
	s.mu.Unlock()
	if c == nil {
		return &guestpb.ContainerStateReply{}, nil
	}
	reply := &guestpb.ContainerStateReply{
		Exists: true, Frozen: c.Frozen(), Listeners: s.listeners.ofContainer(c.ID),
	}
	if r.Ports {
		reply.TcpPorts = netserve.ListeningPorts()
	}
	return reply, nil
}

func (s *Server) top(r *guestpb.TopRequest) (wire.Message, error) {
	c, err := s.container(r.ContainerId)
	if err != nil {
		return nil, err
	}
	processes, err := c.Top()
	if err != nil {
		return nil, err
	}
	return &guestpb.TopReply{Processes: processes}, nil
}

func (s *Server) stats(r *guestpb.StatsRequest) (wire.Message, error) {
	c, err := s.container(r.ContainerId)
	if err != nil {
		return nil, err
	}
	reply := c.Stats()
	reply.NetworkRxBytes, reply.NetworkTxBytes = netcfg.Counters()
	return reply, nil
}
