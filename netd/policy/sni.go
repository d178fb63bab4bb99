package policy

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

const (
	// A client that says nothing for this long waits for the server's first words: it does not speak TLS.
	helloTimeout = 5 * time.Second
	// The first byte of a TLS handshake (RFC 8446, 5.1).
	handshakeRecord = 22
	// No hello is larger: what a client sends before that is kept in memory.
	maxHello = 64 << 10
)

var errSeen = errors.New("the hello was seen")

// PeekName reads what a client says first and tells which name it asks for by TLS, "" if none. The connection that it
// returns begins with the same bytes again.
func PeekName(conn net.Conn) (again net.Conn, name string, err error) {
	peek := &peeked{Conn: conn}
	_ = conn.SetReadDeadline(time.Now().Add(helloTimeout))
	defer func() { _ = conn.SetReadDeadline(time.Time{}) }()
	var first [1]byte
	if _, err := io.ReadFull(peek, first[:]); err != nil {
		var timed net.Error
		if errors.As(err, &timed) && timed.Timeout() {
			return peek.again(), "", nil
		}
		return nil, "", err
	}
	if first[0] != handshakeRecord {
		return peek.again(), "", nil
	}
	peek.offset = 0
	err = tls.Server(peek, &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			name = hello.ServerName
			return nil, errSeen
		},
	}).Handshake()
	if !errors.Is(err, errSeen) {
		return nil, "", err
	}
	return peek.again(), name, nil
}

// peeked keeps what is read, and says nothing.
type peeked struct {
	net.Conn
	seen   []byte
	offset int // of what was read back of it
}

func (p *peeked) Read(b []byte) (int, error) {
	if p.offset < len(p.seen) {
		n := copy(b, p.seen[p.offset:])
		p.offset += n
		return n, nil
	}
	if len(p.seen) >= maxHello {
		return 0, io.ErrShortBuffer
	}
	n, err := p.Conn.Read(b)
	p.seen = append(p.seen, b[:n]...)
	p.offset += n
	return n, err
}

func (p *peeked) Write(b []byte) (int, error) { return len(b), nil }
func (p *peeked) Close() error                { return nil }

func (p *peeked) again() net.Conn {
	return &replayed{Conn: p.Conn, reader: io.MultiReader(bytes.NewReader(p.seen), p.Conn)}
}

type replayed struct {
	net.Conn
	reader io.Reader
}

func (r *replayed) Read(b []byte) (int, error) { return r.reader.Read(b) }

// CloseWrite ends the one direction, if the connection can.
func (r *replayed) CloseWrite() error {
	if half, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return r.Close()
}
