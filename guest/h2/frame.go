package h2

import (
	"encoding/binary"
	"errors"
	"io"
)

// Frame types and flags of RFC 9113 §6.
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	framePriority     = 0x2
	frameReset        = 0x3
	frameSettings     = 0x4
	framePush         = 0x5
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindowUpdate = 0x8
	frameContinuation = 0x9

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	settingHeaderTableSize   = 0x1
	settingMaxStreams        = 0x3
	settingInitialWindowSize = 0x4
	settingMaxFrameSize      = 0x5

	errorNone        = 0x0
	errorProtocol    = 0x1
	errorFlowControl = 0x3
	errorCancel      = 0x8
)

const (
	preface         = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	frameHeaderSize = 9
	// What we accept: the initial value of RFC 9113, which every client may rely on.
	maxInFrame = 16 << 10
	// What we send at most, however large a frame the host allows: it bounds how long another
	// stream waits for its turn.
	maxOutFrame = 256 << 10
)

var errFrame = errors.New("http2: the host's frames make no sense")

type frame struct {
	kind    byte
	flags   byte
	stream  uint32
	payload []byte // valid until the next frame is read
}

// readFrame reads into buf, which holds maxInFrame bytes.
func readFrame(r io.Reader, buf []byte) (frame, error) {
	var head [frameHeaderSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	length := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
	if length > maxInFrame {
		return frame{}, errFrame
	}
	f := frame{
		kind: head[3], flags: head[4],
		stream:  binary.BigEndian.Uint32(head[5:]) & (1<<31 - 1),
		payload: buf[:length],
	}
	_, err := io.ReadFull(r, f.payload)
	return f, err
}

func appendFrameHeader(b []byte, length int, kind, flags byte, stream uint32) []byte {
	b = append(b, byte(length>>16), byte(length>>8), byte(length), kind, flags)
	return binary.BigEndian.AppendUint32(b, stream)
}

// content strips padding and priority.
func (f frame) content() ([]byte, error) {
	p := f.payload
	padding := 0
	if f.flags&flagPadded != 0 {
		if len(p) < 1 {
			return nil, errFrame
		}
		padding, p = int(p[0]), p[1:]
	}
	if f.kind == frameHeaders && f.flags&flagPriority != 0 {
		if len(p) < 5 {
			return nil, errFrame
		}
		p = p[5:]
	}
	if padding > len(p) {
		return nil, errFrame
	}
	return p[:len(p)-padding], nil
}
