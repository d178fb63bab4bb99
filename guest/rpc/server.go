// Package rpc answers the host's calls. Its methods translate and delegate.
package rpc

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"ctr/guest/boot"
	"ctr/guest/container"
	"ctr/guest/gen/guestpb"
	"ctr/guest/h2"
	"ctr/guest/plan"
	"ctr/guest/process"
	"ctr/guest/reap"
	"ctr/guest/wire"
)

const (
	protocol     = 1
	maxProcesses = 4096
)

// Server holds what outlives connections.
type Server struct {
	Version   string
	BootSteps []*guestpb.BootStep
	Reaper    *reap.Reaper

	preparation preparation

	mu         sync.Mutex
	containers map[string]*container.Container
	processes  map[string]*process.Process // nil: it is being started
}

// New returns a server without containers.
func New(version string, steps []*guestpb.BootStep, later []boot.Step, reaper *reap.Reaper) *Server {
	return &Server{
		Version: version, BootSteps: steps, Reaper: reaper, preparation: preparation{steps: later},
		containers: make(map[string]*container.Container), processes: make(map[string]*process.Process),
	}
}

// Handle answers one call.
func (s *Server) Handle(call *h2.Call) error {
	request, err := call.Request()
	if err != nil {
		return err
	}
	switch call.Method {
	case guestpb.GuestHello:
		err := unary(call, request, new(guestpb.HelloRequest), s.hello)
		go s.preparation.do() // after the answer, which the host waits for
		return err
	case guestpb.GuestStartContainer:
		return unary(call, request, new(guestpb.StartContainerRequest), s.startContainer)
	case guestpb.GuestStartProcess:
		return unary(call, request, new(guestpb.StartProcessRequest), s.startProcess)
	case guestpb.GuestOutput:
		return s.output(call, request)
	case guestpb.GuestAcknowledge:
		return unary(call, request, new(guestpb.AcknowledgeRequest), s.acknowledge)
	case guestpb.GuestWriteInput:
		return unary(call, request, new(guestpb.WriteInputRequest), func(r *guestpb.WriteInputRequest) (wire.Message, error) {
			return s.writeInput(r, call.Done())
		})
	case guestpb.GuestResize:
		return unary(call, request, new(guestpb.ResizeRequest), s.resize)
	case guestpb.GuestSignal:
		return unary(call, request, new(guestpb.SignalRequest), s.signal)
	case guestpb.GuestListProcesses:
		return unary(call, request, new(guestpb.Empty), s.listProcesses)
	case guestpb.GuestForgetProcess:
		return unary(call, request, new(guestpb.ForgetProcessRequest), s.forgetProcess)
	case guestpb.GuestSetTime:
		return unary(call, request, new(guestpb.SetTimeRequest), s.setTime)
	case guestpb.GuestStats:
		return unary(call, request, new(guestpb.StatsRequest), s.stats)
	case guestpb.GuestShutdown:
		return unary(call, request, new(guestpb.ShutdownRequest), s.shutdown)
	}
	return &h2.Status{Code: h2.Unimplemented, Message: "no such method: " + call.Method}
}

func unary[Request wire.Message](call *h2.Call, data []byte, request Request, method func(Request) (wire.Message, error)) error {
	if err := request.Decode(data); err != nil {
		return &h2.Status{Code: h2.InvalidArgument, Message: err.Error()}
	}
	reply, err := method(request)
	if err != nil {
		return statusOf(err)
	}
	return call.Reply(reply.Append(nil))
}

// statusOf maps what the other packages return, once.
func statusOf(err error) error {
	if status, ok := errors.AsType[*h2.Status](err); ok {
		return status
	}
	status := &h2.Status{Code: h2.Internal, Message: err.Error()}
	failure, ok := errors.AsType[*plan.Failure](err)
	switch {
	case ok && len(failure.Step) > 8 && failure.Step[:8] == "execute ":
		status.Code, status.Kind = h2.FailedPrecondition, "not-executable"
		if failure.Errno == unix.ENOENT || failure.Errno == unix.ENOTDIR {
			status.Code, status.Kind = h2.NotFound, "command-not-found"
		}
	case errors.Is(err, container.ErrInvalid):
		status.Code, status.Kind = h2.InvalidArgument, "usage"
	case errors.Is(err, container.ErrEnded), errors.Is(err, unix.ESRCH):
		status.Code, status.Kind = h2.FailedPrecondition, "invalid-state"
	case errors.Is(err, os.ErrNotExist):
		status.Code, status.Kind = h2.NotFound, "not-found"
	case errors.Is(err, unix.ENOSPC):
		status.Code, status.Kind = h2.ResourceExhausted, "no-space"
	}
	return status
}

func (s *Server) process(id string) (*process.Process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.processes[id]; p != nil {
		return p, nil
	}
	return nil, &h2.Status{Code: h2.NotFound, Kind: "not-found", Message: fmt.Sprintf("no process %q in the guest", id)}
}

func (s *Server) container(id string) (*container.Container, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.containers[id]; c != nil {
		return c, nil
	}
	return nil, &h2.Status{Code: h2.NotFound, Kind: "not-found", Message: fmt.Sprintf("no container %q in the guest", id)}
}

// reserve takes an ID while its process is being started.
func (s *Server) reserve(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.processes[id]; taken {
		return &h2.Status{Code: h2.AlreadyExists, Kind: "exists", Message: fmt.Sprintf("the process %q exists already", id)}
	}
	if len(s.processes) >= maxProcesses {
		return &h2.Status{Code: h2.ResourceExhausted, Kind: "too-large", Message: fmt.Sprintf("more than %d processes", maxProcesses)}
	}
	s.processes[id] = nil
	return nil
}

func (s *Server) settle(id string, p *process.Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p == nil {
		delete(s.processes, id)
	} else {
		s.processes[id] = p
	}
}

func reply(p *process.Process, clock *boot.Clock) *guestpb.StartProcessReply {
	return &guestpb.StartProcessReply{
		Pid: uint32(p.PID), StartedUnixNs: p.StartedUnixNs, Steps: clock.Steps,
		ForkExecNs: clock.Steps[len(clock.Steps)-1].TookNs,
	}
}
