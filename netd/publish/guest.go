package publish

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

const (
	// Where every guest listens for its gateway alone, and leads on to services of its loopback: two bytes for the port,
	// one for the answer, 0 if somebody listens there.
	loopbackPort = 65011
	// A probe is for people who wait for it.
	probeTimeout = 2 * time.Second
)

var errNobody = errors.New("nobody listens there")

// dialGuest connects to a service of a guest, be it one that listens on the guest's loopback alone.
func (p *Publisher) dialGuest(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	conn, err := p.dialer.DialGuest(ctx, "tcp", to)
	if err == nil || ctx.Err() != nil {
		return conn, err
	}
	conn, err = p.dialer.DialGuest(ctx, "tcp", netip.AddrPortFrom(to.Addr(), loopbackPort))
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	var answer [1]byte
	if _, err = conn.Write([]byte{byte(to.Port() >> 8), byte(to.Port())}); err == nil {
		_, err = io.ReadFull(conn, answer[:])
	}
	if err == nil && answer[0] != 0 {
		err = errNobody
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	return conn, nil
}

// Listening tells whether somebody in the guest takes connections of a published port. UDP does not say.
func (p *Publisher) Listening(id string) bool {
	port, ok := p.List()[id]
	if !ok || port.Network != "tcp" {
		return ok
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	conn, err := p.dialGuest(ctx, port.Guest)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
