package publish

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// flows are the clients of one published UDP port, each with a connection of its own to the guest, so that answers find
// their way back.
type flows struct {
	publisher *Publisher
	socket    *net.UDPConn
	guest     netip.AddrPort

	mu    sync.Mutex
	known map[netip.AddrPort]*flow
}

type flow struct {
	conn net.Conn
	last time.Time
	// first is what the client said first, for a service of the guest's loopback: that is looked for when the guest's
	// address refuses it.
	first []byte
}

func (p *Publisher) listenUDP(l *listener) error {
	socket, err := net.ListenUDP(of("udp", l.port.Host.Addr()), net.UDPAddrFromAddrPort(l.port.Host))
	if err != nil {
		return err
	}
	_ = socket.SetReadBuffer(4 << 20)
	l.port.Host = netip.MustParseAddrPort(socket.LocalAddr().String())
	f := &flows{publisher: p, socket: socket, guest: l.port.Guest, known: make(map[netip.AddrPort]*flow)}
	ended := make(chan struct{})
	l.close = func() {
		close(ended)
		_ = socket.Close()
	}
	go f.receive()
	go f.expire(ended)
	return nil
}

func (f *flows) receive() {
	data := make([]byte, datagramMax)
	for {
		n, client, err := f.socket.ReadFromUDPAddrPort(data)
		if errors.Is(err, net.ErrClosed) {
			f.close(time.Time{})
			return
		}
		if err != nil {
			continue // an ICMP error about an answer to somebody
		}
		if to := f.of(client, data[:n]); to != nil {
			_, _ = to.Write(data[:n])
		}
	}
}

// of returns the client's connection to the guest, which a first datagram makes.
func (f *flows) of(client netip.AddrPort, first []byte) net.Conn {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.known[client]; known != nil {
		known.last = time.Now()
		return known.conn
	}
	if len(f.known) >= maxFlows {
		f.endOldest()
	}
	conn, err := f.publisher.dialer.DialGuest(context.Background(), "udp", f.guest)
	if err != nil {
		return nil
	}
	f.known[client] = &flow{conn: conn, last: time.Now(), first: append([]byte(nil), first...)}
	go f.answer(client, conn)
	return conn
}

func (f *flows) answer(client netip.AddrPort, conn net.Conn) {
	data := make([]byte, datagramMax)
	for {
		n, err := conn.Read(data)
		if err != nil {
			again := f.byLoopback(client, conn)
			if again == nil {
				break
			}
			conn = again
			continue
		}
		f.mu.Lock()
		if known := f.known[client]; known != nil && known.conn == conn {
			known.last, known.first = time.Now(), nil
		}
		f.mu.Unlock()
		_, _ = f.socket.WriteToUDPAddrPort(data[:n], client)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.known[client]; known != nil && known.conn == conn {
		delete(f.known, client)
	}
	_ = conn.Close()
}

// byLoopback connects a client whose first words were refused to a service of the guest's loopback, and says them again.
// It returns nil if there is none, or if the flow has ended.
func (f *flows) byLoopback(client netip.AddrPort, refused net.Conn) net.Conn {
	known, first := f.waiting(client, refused)
	if known == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	stream, err := f.publisher.askGuest(ctx, f.guest, wantDatagrams)
	if err != nil {
		return nil
	}
	conn := &datagrams{Conn: stream}
	f.mu.Lock()
	if f.known[client] != known {
		f.mu.Unlock()
		_ = conn.Close()
		return nil
	}
	_ = known.conn.Close()
	known.conn, known.first = conn, nil
	f.mu.Unlock()
	_, _ = conn.Write(first)
	return conn
}

// waiting returns a flow that has had no answer yet.
func (f *flows) waiting(client netip.AddrPort, conn net.Conn) (*flow, []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.known[client]; known != nil && known.conn == conn && known.first != nil {
		return known, known.first
	}
	return nil, nil
}

func (f *flows) endOldest() {
	var oldest netip.AddrPort
	for client, each := range f.known {
		if !oldest.IsValid() || each.last.Before(f.known[oldest].last) {
			oldest = client
		}
	}
	_ = f.known[oldest].conn.Close()
	delete(f.known, oldest)
}

func (f *flows) expire(ended <-chan struct{}) {
	ticker := time.NewTicker(flowTimeout / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case now := <-ticker.C:
			f.close(now.Add(-flowTimeout))
		}
	}
}

// close ends the flows that were last used before a time; all of them for the zero time.
func (f *flows) close(before time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for client, each := range f.known {
		if before.IsZero() || each.last.Before(before) {
			_ = each.conn.Close()
			delete(f.known, client)
		}
	}
}
