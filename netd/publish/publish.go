// Package publish lets the host, and who reaches it, connect to ports of guests.
package publish

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"ctr/netd/gateway"
)

const (
	// As long as Linux itself tries: a guest whose service has a full queue answers when there is room again.
	dialTimeout = 2 * time.Minute
	// Flows of one published UDP port; the one that was quiet longest ends first.
	maxFlows    = 4096
	flowTimeout = 2 * time.Minute
	datagramMax = 65535
)

// ErrExists is a port that is published under that ID already.
var ErrExists = errors.New("published under that ID already")

// Port of the host that leads to a port of a guest.
type Port struct {
	Network string         // tcp, udp
	Host    netip.AddrPort // port 0: any that is free
	Guest   netip.AddrPort
	// ProxyProtocol tells the guest who has connected, by a line in front (PROXY protocol, version 1); TCP only.
	ProxyProtocol bool
}

// Dialer connects to guests.
type Dialer interface {
	DialGuest(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
}

// Publisher holds the listeners of one network.
type Publisher struct {
	dialer Dialer
	mu     sync.Mutex
	ports  map[string]*listener
}

type listener struct {
	port  Port
	close func()
}

// New returns a publisher without ports.
func New(dialer Dialer) *Publisher {
	return &Publisher{dialer: dialer, ports: make(map[string]*listener)}
}

// Add listens, and returns where.
func (p *Publisher) Add(id string, port Port) (netip.AddrPort, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ports[id] != nil {
		return netip.AddrPort{}, ErrExists
	}
	var err error
	l := &listener{port: port}
	switch port.Network {
	case "tcp":
		err = p.listenTCP(l)
	case "udp":
		err = p.listenUDP(l)
	default:
		err = fmt.Errorf("neither tcp nor udp: %q", port.Network)
	}
	if err != nil {
		return netip.AddrPort{}, err
	}
	p.ports[id] = l
	return l.port.Host, nil
}

// Remove stops listening. Connections that are open go on.
func (p *Publisher) Remove(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.ports[id]; l != nil {
		l.close()
		delete(p.ports, id)
	}
}

// List tells what is published, by ID.
func (p *Publisher) List() map[string]Port {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[string]Port, len(p.ports))
	for id, l := range p.ports {
		all[id] = l.port
	}
	return all
}

// Close removes every port.
func (p *Publisher) Close() {
	for id := range p.List() {
		p.Remove(id)
	}
}

// of: an address of IPv6 is not meant for IPv4 as well, whatever the system's default.
func of(network string, address netip.Addr) string {
	if address.Is4() {
		return network + "4"
	}
	return network + "6"
}

func (p *Publisher) listenTCP(l *listener) error {
	socket, err := net.Listen(of("tcp", l.port.Host.Addr()), l.port.Host.String())
	if err != nil {
		return err
	}
	l.port.Host = netip.MustParseAddrPort(socket.Addr().String())
	l.close = func() { _ = socket.Close() }
	go func() {
		for {
			conn, err := socket.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil { // no descriptors are left, or the client has gone already
				time.Sleep(10 * time.Millisecond)
				continue
			}
			go p.connect(conn, l.port)
		}
	}()
	return nil
}

func (p *Publisher) connect(client net.Conn, port Port) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	guest, err := p.dialGuest(ctx, port.Guest)
	if err != nil {
		if tcp, ok := client.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // refused, as the guest has refused
		}
		_ = client.Close()
		return
	}
	if port.ProxyProtocol {
		if _, err := guest.Write(proxyLine(client)); err != nil {
			_ = client.Close()
			_ = guest.Close()
			return
		}
	}
	gateway.Splice(client, guest)
}

func proxyLine(client net.Conn) []byte {
	from := netip.MustParseAddrPort(client.RemoteAddr().String())
	to := netip.MustParseAddrPort(client.LocalAddr().String())
	family := "TCP4"
	if from.Addr().Unmap().Is6() {
		family = "TCP6"
	}
	return fmt.Appendf(nil, "PROXY %s %s %s %d %d\r\n",
		family, from.Addr().Unmap(), to.Addr().Unmap(), from.Port(), to.Port())
}
