// Package h2 serves gRPC over one HTTP/2 connection: what RFC 9113 asks of a server and the gRPC
// wire protocol asks of it, without net/http, whose start alone costs more than the rest of the
// boot under emulation. It owns framing, flow control and streams; it knows no method.
package h2

import (
	"bufio"
	"encoding/binary"
	"io"
	"sync"

	"golang.org/x/net/http2/hpack"
)

const (
	maxStreams        = 256
	maxMessage        = 4 << 20
	initialWindow     = 65535 // RFC 9113 §6.9.2
	streamWindow      = 1 << 20
	connectionWindow  = 8 << 20
	windowUpdateAfter = 256 << 10
	// One write of a virtio-serial port carries at most this much.
	writeUnit = 32 << 10
)

// Handler answers one call. It runs in a goroutine of its own; its error becomes the gRPC status.
type Handler func(call *Call) error

// Conn is one connection. Serve owns it.
type Conn struct {
	rw     io.ReadWriter
	handle Handler

	writing sync.Mutex // one frame at a time
	scratch []byte     // header and first bytes of a frame; used while writing is held

	mu       sync.Mutex
	progress *sync.Cond // windows grew, a call was cancelled or the connection ended
	calls    map[uint32]*Call
	window   int64 // what we may send on the connection
	initial  int64 // what we may send on a new stream
	maxFrame int
	closed   bool

	// Used by the reading goroutine alone.
	headers  *hpack.Decoder
	block    []byte // header block that is being collected
	blockOf  uint32
	blockEnd bool
	received int // bytes since the last update of the connection's window
	highest  uint32
}

// Serve answers calls until the connection ends. When it returns, every call was cancelled; their
// handlers may still be ending.
func Serve(rw io.ReadWriter, handle Handler) error {
	c := &Conn{
		rw: rw, handle: handle,
		scratch: make([]byte, 0, writeUnit),
		calls:   make(map[uint32]*Call),
		window:  initialWindow, initial: initialWindow, maxFrame: maxInFrame,
	}
	c.progress = sync.NewCond(&c.mu)
	c.headers = hpack.NewDecoder(4096, nil)
	c.headers.SetMaxStringLength(16 << 10)
	err := c.serve()
	c.close()
	return err
}

func (c *Conn) serve() error {
	in := bufio.NewReaderSize(c.rw, 64<<10)
	hello := make([]byte, len(preface))
	if _, err := io.ReadFull(in, hello); err != nil {
		return err
	}
	if string(hello) != preface {
		return errFrame
	}
	if err := c.greet(); err != nil {
		return err
	}
	buf := make([]byte, maxInFrame)
	for {
		f, err := readFrame(in, buf)
		if err == nil {
			err = c.receive(f)
		}
		if err == errFrame {
			c.goAway()
		}
		if err != nil {
			return err
		}
	}
}

func (c *Conn) greet() error {
	b := appendFrameHeader(nil, 12, frameSettings, 0, 0)
	b = appendSetting(b, settingMaxStreams, maxStreams)
	b = appendSetting(b, settingInitialWindowSize, streamWindow)
	b = appendFrameHeader(b, 4, frameWindowUpdate, 0, 0)
	b = binary.BigEndian.AppendUint32(b, connectionWindow-initialWindow)
	return c.write(b)
}

func appendSetting(b []byte, id uint16, value uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, id), value)
}

func (c *Conn) receive(f frame) error {
	if c.blockOf != 0 && (f.kind != frameContinuation || f.stream != c.blockOf) {
		return errFrame
	}
	switch f.kind {
	case frameData:
		return c.receiveData(f)
	case frameHeaders:
		if f.stream%2 == 0 {
			return errFrame
		}
		content, err := f.content()
		if err != nil {
			return err
		}
		c.block, c.blockOf, c.blockEnd = append(c.block[:0], content...), f.stream, f.flags&flagEndStream != 0
		return c.endBlock(f)
	case frameContinuation:
		if c.blockOf == 0 || len(c.block)+len(f.payload) > 64<<10 {
			return errFrame
		}
		c.block = append(c.block, f.payload...)
		return c.endBlock(f)
	case frameReset:
		c.cancel(f.stream)
	case frameSettings:
		return c.receiveSettings(f)
	case framePing:
		if len(f.payload) != 8 {
			return errFrame
		}
		if f.flags&flagAck == 0 {
			return c.write(append(appendFrameHeader(nil, 8, framePing, flagAck, 0), f.payload...))
		}
	case frameWindowUpdate:
		return c.receiveWindow(f)
	case framePush:
		return errFrame
	case frameGoAway, framePriority: // the host closes the connection when it is done
	}
	return nil
}

func (c *Conn) receiveSettings(f frame) error {
	if f.flags&flagAck != 0 {
		return nil
	}
	if len(f.payload)%6 != 0 {
		return errFrame
	}
	c.mu.Lock()
	for p := f.payload; len(p) > 0; p = p[6:] {
		value := binary.BigEndian.Uint32(p[2:])
		switch binary.BigEndian.Uint16(p) {
		case settingInitialWindowSize:
			for _, call := range c.calls {
				call.window += int64(value) - c.initial
			}
			c.initial = int64(value)
		case settingMaxFrameSize:
			c.maxFrame = min(max(int(value), maxInFrame), maxOutFrame)
		}
	}
	c.progress.Broadcast()
	c.mu.Unlock()
	return c.write(appendFrameHeader(nil, 0, frameSettings, flagAck, 0))
}

func (c *Conn) receiveWindow(f frame) error {
	if len(f.payload) != 4 {
		return errFrame
	}
	more := int64(binary.BigEndian.Uint32(f.payload) & (1<<31 - 1))
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.stream == 0 {
		c.window += more
	} else if call := c.calls[f.stream]; call != nil {
		call.window += more
	}
	if c.window > 1<<31-1 {
		return errFrame
	}
	c.progress.Broadcast()
	return nil
}

func (c *Conn) receiveData(f frame) error {
	content, err := f.content()
	if err != nil {
		return err
	}
	c.mu.Lock()
	call := c.calls[f.stream]
	c.mu.Unlock()
	c.received += len(f.payload)
	var update []byte
	if c.received >= windowUpdateAfter {
		update = appendWindowUpdate(update, 0, c.received)
		c.received = 0
	}
	if call != nil && !call.requested {
		call.request = append(call.request, content...)
		if len(call.request) > maxMessage {
			c.cancel(f.stream)
			update = appendFrameHeader(update, 4, frameReset, 0, f.stream)
			update = binary.BigEndian.AppendUint32(update, errorFlowControl)
		} else if f.flags&flagEndStream != 0 {
			c.dispatch(call)
		} else if len(f.payload) > 0 {
			update = appendWindowUpdate(update, f.stream, len(f.payload))
		}
	}
	if update == nil {
		return nil
	}
	return c.write(update)
}

func appendWindowUpdate(b []byte, stream uint32, more int) []byte {
	b = appendFrameHeader(b, 4, frameWindowUpdate, 0, stream)
	return binary.BigEndian.AppendUint32(b, uint32(more))
}

func (c *Conn) endBlock(f frame) error {
	if f.flags&flagEndHeaders == 0 {
		return nil
	}
	stream := c.blockOf
	c.blockOf = 0
	fields, err := c.headers.DecodeFull(c.block)
	if err != nil {
		return errFrame
	}
	c.mu.Lock()
	known := c.calls[stream]
	c.mu.Unlock()
	if known != nil { // trailers end the request
		c.dispatch(known)
		return nil
	}
	if stream <= c.highest {
		return nil // of a call that has ended
	}
	c.highest = stream
	call := &Call{conn: c, id: stream, done: make(chan struct{})}
	for _, field := range fields {
		if field.Name == ":path" {
			call.Method = field.Value
		}
	}
	c.mu.Lock()
	call.window = c.initial
	c.calls[stream] = call
	crowd := len(c.calls)
	c.mu.Unlock()
	if crowd > maxStreams {
		return errFrame
	}
	if c.blockEnd {
		c.dispatch(call)
	}
	return nil
}

func (c *Conn) dispatch(call *Call) {
	if call.requested {
		return
	}
	call.requested = true
	go call.run()
}

func (c *Conn) cancel(stream uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call := c.calls[stream]; call != nil {
		delete(c.calls, stream)
		close(call.done)
		c.progress.Broadcast()
	}
}

func (c *Conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for id, call := range c.calls {
		delete(c.calls, id)
		close(call.done)
	}
	c.progress.Broadcast()
}

func (c *Conn) goAway() {
	b := appendFrameHeader(nil, 8, frameGoAway, 0, 0)
	b = binary.BigEndian.AppendUint32(b, c.highest)
	_ = c.write(binary.BigEndian.AppendUint32(b, errorProtocol))
}

func (c *Conn) write(b []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.rw.Write(b)
	return err
}
