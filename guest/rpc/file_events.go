package rpc

import (
	"ctr/guest/gen/guestpb"
	"ctr/guest/wire"
)

func (s *Server) fileEvents(r *guestpb.FileEventsRequest) (wire.Message, error) {
	c, err := s.container(r.ContainerId)
	if err != nil {
		return nil, err
	}
	return &guestpb.Empty{}, c.FileEvents(r.Destination, r.Events)
}
