// Package rpc answers the host's calls. Its methods translate and delegate.
package rpc

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"ctr/guest/archive"
	"ctr/guest/boot"
	"ctr/guest/container"
	"ctr/guest/files"
	"ctr/guest/gen/guestpb"
	"ctr/guest/h2"
	"ctr/guest/output"
	"ctr/guest/plan"
	"ctr/guest/process"
	"ctr/guest/reap"
	"ctr/guest/sockets"
	"ctr/guest/stream"
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
	streams    map[string]*stream.Stream
	listeners  *listeners
}

// followed is a process or a stream: what the host takes output from and hands input to.
type followed interface {
	Ring() *output.Ring
	Follow()
	Done() <-chan struct{}
	Exit() *guestpb.Exit
	State() *guestpb.ProcessState
	WriteInput(offset uint64, data []byte, end bool, cancelled <-chan struct{}) (uint64, error)
}

// New returns a server without containers.
func New(version string, steps []*guestpb.BootStep, later []boot.Step, reaper *reap.Reaper) *Server {
	return &Server{
		Version: version, BootSteps: steps, Reaper: reaper, preparation: preparation{steps: later},
		containers: make(map[string]*container.Container), processes: make(map[string]*process.Process),
		streams: make(map[string]*stream.Stream), listeners: newListeners(),
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
	case guestpb.GuestOpenStream:
		return unary(call, request, new(guestpb.OpenStreamRequest), s.openStream)
	case guestpb.GuestListen:
		return unary(call, request, new(guestpb.ListenRequest), s.listen)
	case guestpb.GuestCloseListener:
		return unary(call, request, new(guestpb.CloseListenerRequest), s.closeListener)
	case guestpb.GuestAccept:
		return s.accept(call, request)
	case guestpb.GuestStatPath:
		return unary(call, request, new(guestpb.StatPathRequest), s.statPath)
	case guestpb.GuestFreeze:
		return unary(call, request, new(guestpb.FreezeRequest), s.freeze)
	case guestpb.GuestThaw:
		return unary(call, request, new(guestpb.ThawRequest), s.thaw)
	case guestpb.GuestUpdate:
		return unary(call, request, new(guestpb.UpdateRequest), s.update)
	case guestpb.GuestContainerState:
		return unary(call, request, new(guestpb.ContainerStateRequest), s.containerState)
	case guestpb.GuestFileEvents:
		return unary(call, request, new(guestpb.FileEventsRequest), s.fileEvents)
	case guestpb.GuestTop:
		return unary(call, request, new(guestpb.TopRequest), s.top)
	case guestpb.GuestSetTime:
		return unary(call, request, new(guestpb.SetTimeRequest), s.setTime)
	case guestpb.GuestStats:
		return unary(call, request, new(guestpb.StatsRequest), s.stats)
	case guestpb.GuestRemoveContainer:
		return unary(call, request, new(guestpb.RemoveContainerRequest), s.removeContainer)
	case guestpb.GuestRemoveFolders:
		return unary(call, request, new(guestpb.RemoveFoldersRequest), s.removeFolders)
	case guestpb.GuestAddEmulator:
		return unary(call, request, new(guestpb.AddEmulatorRequest), s.addEmulator)
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
	case isState(err), errors.Is(err, unix.ESRCH):
		status.Code, status.Kind = h2.FailedPrecondition, "invalid-state"
	default:
		status.Code, status.Kind = codeOf(err)
	}
	return status
}

func isState(err error) bool {
	_, ok := errors.AsType[container.StateError](err)
	return ok
}

// kinds are in the order in which they are looked for.
var kinds = [...]struct {
	err  error
	code h2.Code
	kind string
}{
	{files.ErrOutside, h2.PermissionDenied, "denied"},
	{files.ErrNotFolder, h2.FailedPrecondition, "conflict"},
	{files.ErrIsFolder, h2.FailedPrecondition, "conflict"},
	{files.ErrNoFolder, h2.FailedPrecondition, "conflict"},
	{archive.ErrFormat, h2.InvalidArgument, "bad-data"},
	{sockets.ErrAddress, h2.InvalidArgument, "usage"},
	{os.ErrNotExist, h2.NotFound, "not-found"},
	{unix.ENOTDIR, h2.NotFound, "not-found"},
	{unix.ECONNREFUSED, h2.FailedPrecondition, "unavailable"},
	{unix.ETIMEDOUT, h2.FailedPrecondition, "timeout"},
	{unix.EEXIST, h2.AlreadyExists, "exists"},
	{unix.ENOSPC, h2.ResourceExhausted, "no-space"},
	{unix.EDQUOT, h2.ResourceExhausted, "no-space"},
	{unix.EROFS, h2.PermissionDenied, "denied"},
	{unix.EACCES, h2.PermissionDenied, "denied"},
	{unix.EPERM, h2.PermissionDenied, "denied"},
	{stream.ErrStopped, h2.FailedPrecondition, "cancelled"},
	{output.ErrStopped, h2.FailedPrecondition, "cancelled"},
}

func codeOf(err error) (h2.Code, string) {
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.code, k.kind
		}
	}
	return h2.Internal, ""
}

func (s *Server) process(id string) (*process.Process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.processes[id]; p != nil {
		return p, nil
	}
	return nil, &h2.Status{Code: h2.NotFound, Kind: "not-found", Message: fmt.Sprintf("no process %q in the guest", id)}
}

// followed finds a process or a stream.
func (s *Server) followed(id string) (followed, error) {
	s.mu.Lock()
	found := s.streams[id]
	s.mu.Unlock()
	if found != nil {
		return found, nil
	}
	p, err := s.process(id)
	if err != nil { // a nil pointer would not be a nil interface
		return nil, err
	}
	return p, nil
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
	_, taken := s.processes[id]
	if _, isStream := s.streams[id]; taken || isStream {
		return &h2.Status{Code: h2.AlreadyExists, Kind: "exists", Message: fmt.Sprintf("the process %q exists already", id)}
	}
	if len(s.processes)+len(s.streams) >= maxProcesses {
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
