package h2

import (
	"encoding/binary"
	"errors"
	"strconv"
)

// Code is a gRPC status code.
type Code int

// The codes that the guest answers with.
const (
	OK                 Code = 0
	Unknown            Code = 2
	InvalidArgument    Code = 3
	NotFound           Code = 5
	AlreadyExists      Code = 6
	PermissionDenied   Code = 7
	ResourceExhausted  Code = 8
	FailedPrecondition Code = 9
	Unimplemented      Code = 12
	Internal           Code = 13
)

// Status is an error with a gRPC code. Kind is what ctr calls the error; it travels as the trailer
// "ctr-error" because several kinds share a gRPC code.
type Status struct {
	Code    Code
	Kind    string
	Message string
}

func (s *Status) Error() string { return s.Message }

// ErrCancelled says that the host does not wait for the answer any more.
var ErrCancelled = errors.New("the call was cancelled")

// Call is one gRPC call whose request has fully arrived.
type Call struct {
	Method string

	conn      *Conn
	id        uint32
	request   []byte
	requested bool // the request is complete; used by the reading goroutine alone
	done      chan struct{}
	window    int64 // guarded by conn.mu
	begun     bool  // the response's headers were sent; used by the handler alone
	replied   bool  // and the trailers
}

// Done is closed when the host cancels the call or the connection ends.
func (c *Call) Done() <-chan struct{} { return c.done }

// Request returns the one message that the host sent.
func (c *Call) Request() ([]byte, error) {
	b := c.request
	if len(b) < 5 || b[0] != 0 || uint64(binary.BigEndian.Uint32(b[1:])) != uint64(len(b)-5) {
		return nil, &Status{Code: InvalidArgument, Message: "want one uncompressed message"}
	}
	return b[5:], nil
}

// Send sends one message that consists of head and body. Neither is kept or changed, and body is
// not copied as a whole, so it may be a part of a large buffer.
func (c *Call) Send(head, body []byte) error {
	prefix := append(c.responseHeaders(), 0)
	at := len(prefix) - 1
	prefix = binary.BigEndian.AppendUint32(prefix, uint32(len(head)+len(body)))
	prefix = append(prefix, head...)
	return c.sendData(prefix[:at], prefix[at:], body)
}

// Reply sends the only message of an answer, the status and the end of the stream in one write.
func (c *Call) Reply(message []byte) error {
	if len(message) > 4<<10 {
		return c.Send(message, nil)
	}
	prefix := append(make([]byte, 0, 128+len(message)), c.responseHeaders()...)
	n, err := c.reserve(5 + len(message))
	if err != nil {
		return err
	}
	body := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	body = append(body, message...)
	out := appendFrameHeader(prefix, n, frameData, 0, c.id)
	if n < len(body) { // the windows are that small
		c.giveBack(n)
		return c.sendData(prefix, body, nil)
	}
	out = append(out, body...)
	c.replied = true
	return c.conn.write(append(out, c.trailers(nil)...))
}

// responseHeaders returns the HEADERS frame the first time, then nothing.
func (c *Call) responseHeaders() []byte {
	if c.begun {
		return nil
	}
	c.begun = true
	block := appendContentType([]byte{0x88}) // :status: 200, RFC 7541 appendix A
	return append(appendFrameHeader(nil, len(block), frameHeaders, flagEndHeaders, c.id), block...)
}

// sendData sends a and b as DATA frames, as far as the windows allow at once. before precedes the
// first of them.
func (c *Call) sendData(before, a, b []byte) error {
	for len(a)+len(b) > 0 {
		n, err := c.reserve(len(a) + len(b))
		if err != nil {
			return err
		}
		fromA := min(n, len(a))
		fromB := n - fromA
		if err := c.writeData(before, a[:fromA], b[:fromB]); err != nil {
			return err
		}
		before, a, b = nil, a[fromA:], b[fromB:]
	}
	return nil
}

func (c *Call) reserve(want int) (int, error) {
	conn := c.conn
	conn.mu.Lock()
	defer conn.mu.Unlock()
	for {
		if conn.closed || conn.calls[c.id] != c {
			return 0, ErrCancelled
		}
		if n := min(int64(want), int64(conn.maxFrame), conn.window, c.window); n > 0 {
			conn.window -= n
			c.window -= n
			return int(n), nil
		}
		conn.progress.Wait()
	}
}

// giveBack returns what was reserved but not used.
func (c *Call) giveBack(n int) {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	c.conn.window += int64(n)
	c.window += int64(n)
	c.conn.progress.Broadcast()
}

func (c *Call) writeData(before, a, b []byte) error {
	conn := c.conn
	conn.writing.Lock()
	defer conn.writing.Unlock()
	out := append(conn.scratch[:0], before...)
	out = appendFrameHeader(out, len(a)+len(b), frameData, 0, c.id)
	out = append(out, a...)
	// The first write is filled up, so that a frame costs no more writes than its length asks for.
	first := min(len(b), max(0, writeUnit-len(out)))
	out = append(out, b[:first]...)
	if _, err := conn.rw.Write(out); err != nil || first == len(b) {
		return err
	}
	_, err := conn.rw.Write(b[first:])
	return err
}

// run answers the call and ends its stream.
func (c *Call) run() {
	err := c.conn.handle(c)
	if errors.Is(err, ErrCancelled) {
		c.conn.cancel(c.id)
		return
	}
	c.conn.mu.Lock()
	alive := c.conn.calls[c.id] == c
	c.conn.mu.Unlock()
	if alive && !c.replied {
		_ = c.conn.write(c.trailers(err))
	}
	c.conn.cancel(c.id)
}

func (c *Call) trailers(err error) []byte {
	block := []byte{}
	if !c.begun { // a response without a message is one header block
		block = appendContentType([]byte{0x88})
	}
	code, message, kind := OK, "", ""
	if err != nil {
		code, message = Unknown, err.Error()
		if status, ok := errors.AsType[*Status](err); ok {
			code, kind = status.Code, status.Kind
		}
	}
	block = appendLiteral(block, "grpc-status", strconv.Itoa(int(code)))
	if message != "" {
		block = appendLiteral(block, "grpc-message", percentEncode(message))
	}
	if kind != "" {
		block = appendLiteral(block, "ctr-error", kind)
	}
	flags := byte(flagEndHeaders | flagEndStream)
	return append(appendFrameHeader(nil, len(block), frameHeaders, flags, c.id), block...)
}

func appendContentType(b []byte) []byte { // literal without indexing, name 31 of the static table
	const value = "application/grpc+proto"
	return append(append(b, 0x0f, 31-15, byte(len(value))), value...)
}

// appendLiteral appends a literal header field without indexing. Values are shorter than 16 KiB.
func appendLiteral(b []byte, name, value string) []byte {
	b = append(append(b, 0, byte(len(name))), name...)
	if len(value) < 127 {
		b = append(b, byte(len(value)))
	} else { // RFC 7541 §5.1, prefix of 7 bits
		b = append(b, 127)
		rest := len(value) - 127
		for ; rest >= 128; rest >>= 7 {
			b = append(b, byte(rest)|128)
		}
		b = append(b, byte(rest))
	}
	return append(b, value...)
}

// percentEncode encodes a status message as the gRPC protocol asks, shortened to 1 KiB.
func percentEncode(message string) string {
	const hex = "0123456789ABCDEF"
	var b []byte
	for i := 0; i < min(len(message), 1024); i++ {
		if c := message[i]; c >= ' ' && c <= '~' && c != '%' {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
