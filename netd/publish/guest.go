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
	// LoopbackPort is where every guest listens for its gateway alone, and leads on to services of its loopback: a byte for what is
	// wanted, two for the port, big-endian; one for the answer, 0 if there is such a service. See guest/netserve.
	LoopbackPort  = 65011
	wantConnect   = 0
	wantTCP       = 1
	wantUDP       = 2
	wantDatagrams = 3
	// Somebody waits for the answer.
	askTimeout = 2 * time.Second
)

var errNobody = errors.New("nobody listens there")

// dialGuest connects to a service of a guest, be it one that listens on the guest's loopback alone.
func (p *Publisher) dialGuest(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	conn, err := p.dialer.DialGuest(ctx, "tcp", to)
	if err == nil || ctx.Err() != nil {
		return conn, err
	}
	return p.askGuest(ctx, to, wantConnect)
}

// askGuest returns a connection behind the guest's answer, which was yes.
func (p *Publisher) askGuest(ctx context.Context, to netip.AddrPort, wanted byte) (net.Conn, error) {
	conn, err := p.dialer.DialGuest(ctx, "tcp", netip.AddrPortFrom(to.Addr(), LoopbackPort))
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	var answer [1]byte
	if _, err = conn.Write([]byte{wanted, byte(to.Port() >> 8), byte(to.Port())}); err == nil {
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

// Listening tells whether somebody in the guest takes what comes for a published port. The guest looks it up: nothing is
// connected to.
func (p *Publisher) Listening(id string) bool {
	port, ok := p.List()[id]
	if !ok {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	wanted := byte(wantTCP)
	if port.Network == "udp" {
		wanted = wantUDP
	}
	conn, err := p.askGuest(ctx, port.Guest, wanted)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
