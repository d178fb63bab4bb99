package rpc

import (
	"time"

	"golang.org/x/sys/unix"

	"ctr/guest/boot"
	"ctr/guest/container"
	"ctr/guest/gen/guestpb"
	"ctr/guest/h2"
	"ctr/guest/process"
	"ctr/guest/shutdown"
	"ctr/guest/wire"
)

func (s *Server) hello(r *guestpb.HelloRequest) (wire.Message, error) {
	if r.TimeUnixNs > 0 {
		if err := setTime(r.TimeUnixNs); err != nil {
			return nil, err
		}
	}
	var name unix.Utsname
	_ = unix.Uname(&name)
	return &guestpb.HelloReply{
		Protocol: protocol, GuestVersion: s.Version,
		KernelRelease: unix.ByteSliceToString(name.Release[:]), BootSteps: s.BootSteps,
	}, nil
}

func (s *Server) startContainer(r *guestpb.StartContainerRequest) (wire.Message, error) {
	id := r.ContainerId // of the first process; without one the name is taken all the same
	if r.Process != nil {
		id = r.Process.Id
	}
	if err := s.reserve(id); err != nil {
		return nil, err
	}
	if err := s.preparation.do(); err != nil {
		s.settle(id, nil)
		return nil, err
	}
	// The first container's steps begin with the guest's last ones.
	clock := &boot.Clock{Steps: s.preparation.told()}
	c, err := container.Start(s.Reaper, r, clock)
	if err != nil {
		s.settle(id, nil)
		if c != nil && r.Rootfs.UpperFolder != "" { // others live on in this guest
			_ = c.Remove()
		}
		return nil, err
	}
	s.settle(id, c.Main)
	s.mu.Lock()
	s.containers[c.ID] = c
	s.mu.Unlock()
	s.takeAll(c)
	if c.Main == nil {
		return &guestpb.StartProcessReply{StartedUnixNs: time.Now().UnixNano(), Steps: clock.Steps}, nil
	}
	return reply(c.Main, clock), nil
}

func (s *Server) startProcess(r *guestpb.StartProcessRequest) (wire.Message, error) {
	if r.Process == nil {
		return nil, container.ErrInvalid
	}
	c, err := s.container(r.ContainerId)
	if err != nil {
		return nil, err
	}
	if err := s.reserve(r.Process.Id); err != nil {
		return nil, err
	}
	clock := new(boot.Clock)
	var p *process.Process
	err = clock.Run("process", func() (err error) {
		p, err = c.StartProcess(r.Process)
		return err
	})
	s.settle(r.Process.Id, p)
	if err != nil {
		return nil, err
	}
	return reply(p, clock), nil
}

func (s *Server) acknowledge(r *guestpb.AcknowledgeRequest) (wire.Message, error) {
	p, err := s.followed(r.ProcessId)
	if err != nil {
		return nil, err
	}
	p.Ring().Acknowledge(r.Offset)
	return &guestpb.Empty{}, nil
}

func (s *Server) writeInput(r *guestpb.WriteInputRequest, cancelled <-chan struct{}) (wire.Message, error) {
	p, err := s.followed(r.ProcessId)
	if err != nil {
		return nil, err
	}
	offset, err := p.WriteInput(r.Offset, r.Data, r.Close, cancelled)
	return &guestpb.WriteInputReply{Offset: offset}, err
}

func (s *Server) resize(r *guestpb.ResizeRequest) (wire.Message, error) {
	p, err := s.process(r.ProcessId)
	if err != nil {
		return nil, err
	}
	return &guestpb.Empty{}, p.Resize(r.Rows, r.Columns)
}

func (s *Server) signal(r *guestpb.SignalRequest) (wire.Message, error) {
	p, err := s.process(r.ProcessId)
	if err != nil {
		return nil, err
	}
	if r.Signal < 0 || r.Signal > 64 {
		return nil, &h2.Status{Code: h2.InvalidArgument, Kind: "usage", Message: "no such signal"}
	}
	if r.All {
		c, err := s.container(p.ContainerID)
		if err != nil {
			return nil, err
		}
		return &guestpb.Empty{}, c.Group.Signal(unix.Signal(r.Signal))
	}
	return &guestpb.Empty{}, p.Signal(unix.Signal(r.Signal))
}

func (s *Server) listProcesses(*guestpb.Empty) (wire.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := &guestpb.ListProcessesReply{}
	for _, p := range s.processes {
		if p != nil {
			list.Processes = append(list.Processes, p.State())
		}
	}
	for _, stream := range s.streams {
		list.Processes = append(list.Processes, stream.State())
	}
	return list, nil
}

func (s *Server) forgetProcess(r *guestpb.ForgetProcessRequest) (wire.Message, error) {
	if s.forgetStream(r.ProcessId) {
		return &guestpb.Empty{}, nil
	}
	p, err := s.process(r.ProcessId)
	if err != nil {
		return nil, err
	}
	if p.Exit() == nil {
		return nil, &h2.Status{Code: h2.FailedPrecondition, Kind: "invalid-state", Message: "the process has not ended, or its output was not taken"}
	}
	s.settle(p.ID, nil)
	p.Close()
	return &guestpb.Empty{}, nil
}

func (s *Server) setTime(r *guestpb.SetTimeRequest) (wire.Message, error) {
	return &guestpb.Empty{}, setTime(r.TimeUnixNs)
}

func setTime(unixNs int64) error {
	now := unix.NsecToTimespec(unixNs)
	return unix.ClockSettime(unix.CLOCK_REALTIME, &now)
}

func (s *Server) shutdown(r *guestpb.ShutdownRequest) (wire.Message, error) {
	s.mu.Lock()
	containers := make([]*container.Container, 0, len(s.containers))
	for _, c := range s.containers {
		containers = append(containers, c)
	}
	s.mu.Unlock()
	s.stopStreams()
	done := make(chan struct{})
	for _, c := range containers {
		go func() {
			c.Stop(time.Duration(r.GraceMs) * time.Millisecond)
			done <- struct{}{}
		}()
	}
	for range containers {
		<-done
	}
	shutdown.Disks()
	return &guestpb.Empty{}, nil
}
