// Package control lets the engine steer a network by a unix socket: one JSON value a line.
//
//	→ {"id": 1, "call": "port.add", "with": {…}}
//	← {"id": 1, "result": {…}}    or    {"id": 1, "error": {"code": "exists", "message": "…"}}
//	← {"event": "denied", "with": {…}}    to every connection that has called "events"
//
// | Call | With | Result |
// | --- | --- | --- |
// | hello | | protocol, pid |
// | status | | network.Status |
// | port.add | network.Port | |
// | port.remove | {id} | |
// | port.names | {id, names} | |
// | publish | network.Published | {host} |
// | unpublish | {id} | |
// | listening | {id} | {listening} |
// | ask | {name} | {addresses} |
// | events | | |
// | shutdown | | |
//
// Codes: usage, not-found, exists, in-use, denied, internal.
package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"ctr/netd/fabric"
	"ctr/netd/network"
	"ctr/netd/policy"
	"ctr/netd/publish"
)

const (
	// Protocol is what both sides must speak.
	Protocol = 1
	// No call needs a longer line.
	maxLine = 1 << 20
	// A client that does not read what it has asked for is cut off.
	writeTimeout = 10 * time.Second
	maxEvents    = 64
)

// Request is one call.
type Request struct {
	ID   int64           `json:"id"`
	Call string          `json:"call"`
	With json.RawMessage `json:"with,omitempty"`
}

// Reply to one call.
type Reply struct {
	ID     int64    `json:"id"`
	Result any      `json:"result,omitempty"`
	Error  *Failure `json:"error,omitempty"`
}

// Event that nobody has asked for at that moment.
type Event struct {
	Event string `json:"event"`
	With  any    `json:"with,omitempty"`
}

// Failure of one call.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Server answers calls.
type Server struct {
	network  *network.Network
	shutdown func()

	mu          sync.Mutex
	subscribers map[chan Event]struct{}
}

// New returns a server for a network that is set by Serve.
func New(shutdown func()) *Server {
	return &Server{shutdown: shutdown, subscribers: make(map[chan Event]struct{})}
}

// Denied tells who has asked for events.
func (s *Server) Denied(denial policy.Denial) { s.tell(Event{"denied", network.Told(denial)}) }

func (s *Server) tell(event Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for each := range s.subscribers {
		select {
		case each <- event:
		default: // who does not read misses some
		}
	}
}

// Serve answers until the listener is closed.
func (s *Server) Serve(listener net.Listener, n *network.Network) {
	s.network = n
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go s.converse(conn)
	}
}

func (s *Server) converse(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	out := &writer{conn: conn}
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		request := Request{}
		if err := strict(lines.Bytes(), &request); err != nil {
			_ = out.write(Reply{Error: &Failure{"usage", err.Error()}})
			return // where the next call begins is not known
		}
		if request.Call == "events" {
			events := s.subscribe()
			defer s.unsubscribe(events)
			go func() {
				for event := range events {
					_ = out.write(event)
				}
			}()
		}
		result, err := s.call(request)
		reply := Reply{ID: request.ID, Result: result, Error: failure(err)}
		if out.write(reply) != nil {
			return
		}
		if request.Call == "shutdown" {
			s.shutdown()
			return
		}
	}
}

type writer struct {
	mu   sync.Mutex
	conn net.Conn
}

func (w *writer) write(value any) error {
	line, err := json.Marshal(value)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err = w.conn.Write(append(line, '\n'))
	return err
}

func (s *Server) subscribe() chan Event {
	events := make(chan Event, maxEvents)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribers[events] = struct{}{}
	return events
}

func (s *Server) unsubscribe(events chan Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subscribers, events)
	close(events)
}

type named struct {
	ID    string   `json:"id"`
	Names []string `json:"names,omitempty"`
}

func (s *Server) call(request Request) (any, error) {
	switch request.Call {
	case "hello":
		return map[string]int{"protocol": Protocol, "pid": os.Getpid()}, nil
	case "events", "shutdown":
		return struct{}{}, nil
	case "status":
		return s.network.Status(), nil
	case "port.add":
		return with(request, func(port network.Port) (any, error) { return struct{}{}, s.network.AddPort(port) })
	case "port.remove":
		return with(request, func(port named) (any, error) { return struct{}{}, s.network.RemovePort(port.ID) })
	case "port.names":
		return with(request, func(port named) (any, error) { return struct{}{}, s.network.SetNames(port.ID, port.Names) })
	case "publish":
		return with(request, func(port network.Published) (any, error) {
			host, err := s.network.Publish(port)
			return map[string]string{"host": host}, err
		})
	case "unpublish":
		return with(request, func(port named) (any, error) {
			s.network.Unpublish(port.ID)
			return struct{}{}, nil
		})
	case "listening":
		return with(request, func(port named) (any, error) {
			return map[string]bool{"listening": s.network.Listening(port.ID)}, nil
		})
	case "ask":
		return with(request, func(asked struct {
			Name string `json:"name"`
		}) (any, error) {
			addresses := append([]netip.Addr{}, s.network.Ask(asked.Name)...)
			return map[string]any{"addresses": addresses}, nil
		})
	}
	return nil, usage("there is no such call: " + request.Call)
}

func with[T any](request Request, do func(T) (any, error)) (any, error) {
	var value T
	if err := strict(request.With, &value); err != nil {
		return nil, usage(err.Error())
	}
	return do(value)
}

func strict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value on a line")
	}
	return nil
}

type usage string

func (u usage) Error() string { return string(u) }

func failure(err error) *Failure {
	if err == nil {
		return nil
	}
	code := "internal"
	if _, ok := errors.AsType[usage](err); ok || errors.Is(err, network.ErrConfig) {
		code = "usage"
	}
	for known, name := range map[error]string{
		network.ErrNotFound: "not-found", fabric.ErrTaken: "exists", publish.ErrExists: "exists",
		syscall.EADDRINUSE: "in-use", syscall.EACCES: "denied", syscall.EADDRNOTAVAIL: "usage",
	} {
		if errors.Is(err, known) {
			code = name
		}
	}
	return &Failure{code, err.Error()}
}
