package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"ctr/netd/fabric"
	"ctr/netd/frame"
)

const mtu = 65520

var (
	guestMAC = fabric.MAC{2, 0, 0, 0, 0, 0xa}
	guest4   = netip.MustParseAddr("10.9.0.2")
	guest6   = netip.MustParseAddr("fd09::2")
	host4    = netip.MustParseAddr("10.9.0.254")
	host6    = netip.MustParseAddr("fd09::fffe")
	outside4 = netip.MustParseAddr("198.51.100.7")
	outside6 = netip.MustParseAddr("2001:db8::7")
)

// loopback stands for the world: every address of it is this machine.
type loopback struct {
	mu    sync.Mutex
	flows []Flow
}

func (l *loopback) Dial(ctx context.Context, flow Flow) (net.Conn, error) {
	l.mu.Lock()
	l.flows = append(l.flows, flow)
	l.mu.Unlock()
	host := "127.0.0.1"
	if flow.To.Addr().Is6() {
		host = "::1"
	}
	return new(net.Dialer).DialContext(ctx, flow.Network, netip.AddrPortFrom(netip.MustParseAddr(host), flow.To.Port()).String())
}

func (l *loopback) DialNamed(context.Context, Flow, net.Conn) (net.Conn, net.Conn, error) {
	return nil, nil, errors.New("never asked for")
}

func (l *loopback) MayPing(netip.Addr, netip.Addr) bool { return true }

// world is a network with one guest, which is a stack of its own at the far end of a socket.
type world struct {
	*Gateway
	outside *loopback
	guest   *stack.Stack
}

func newWorld(t *testing.T) *world {
	t.Helper()
	switched := fabric.New()
	w := &world{outside: &loopback{}}
	var err error
	w.Gateway, err = New(Config{
		MAC: fabric.MAC{2, 0, 0, 0, 0, 1}, MTU: mtu,
		IPv4: netip.MustParsePrefix("10.9.0.1/24"), IPv6: netip.MustParsePrefix("fd09::1/64"),
		Others: []netip.Addr{host4, host6},
	}, switched, w.outside)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	port, err := switched.Add("guest", fabric.Identity{MAC: guestMAC, Addresses: []netip.Addr{guest4, guest6}})
	if err != nil {
		t.Fatal(err)
	}
	near, far := socketPair(t)
	go func() { _ = port.Serve(frame.Stream(near)) }()
	w.guest = guestStack(t, frame.Stream(far))
	return w
}

func guestStack(t *testing.T, wire frame.Conn) *stack.Stack {
	t.Helper()
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	endpoint := channel.New(4096, mtu, tcpip.LinkAddress(guestMAC[:]))
	endpoint.LinkEPCapabilities = stack.CapabilityResolutionRequired
	if err := s.CreateNIC(1, ethernet.New(endpoint)); err != nil {
		t.Fatal(err)
	}
	for protocol, address := range map[tcpip.NetworkProtocolNumber]netip.Addr{ipv4.ProtocolNumber: guest4, ipv6.ProtocolNumber: guest6} {
		bits := 24
		if address.Is6() {
			bits = 64
		}
		_ = s.AddProtocolAddress(1, tcpip.ProtocolAddress{Protocol: protocol, AddressWithPrefix: tcpip.AddressWithPrefix{
			Address: tcpip.AddrFromSlice(address.AsSlice()), PrefixLen: bits,
		}}, stack.AddressProperties{})
	}
	near4, near6 := netip.MustParsePrefix("10.9.0.0/24"), netip.MustParsePrefix("fd09::/64")
	s.SetRouteTable([]tcpip.Route{
		{Destination: subnet(near4), NIC: 1},
		{Destination: subnet(near6), NIC: 1},
		{Destination: header.IPv4EmptySubnet, Gateway: tcpip.AddrFromSlice(netip.MustParseAddr("10.9.0.1").AsSlice()), NIC: 1},
		{Destination: header.IPv6EmptySubnet, Gateway: tcpip.AddrFromSlice(netip.MustParseAddr("fd09::1").AsSlice()), NIC: 1},
	})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		_ = wire.Close()
		s.Close()
	})
	go func() {
		for {
			packet := endpoint.ReadContext(ctx)
			if packet == nil {
				return
			}
			_ = wire.Write([][]byte{packet.ToView().AsSlice()})
			packet.DecRef()
		}
	}()
	go func() {
		for {
			data, err := wire.Read()
			if err != nil {
				return
			}
			packet := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(bytes.Clone(data))})
			endpoint.InjectInbound(0, packet)
			packet.DecRef()
		}
	}()
	return s
}

func subnet(prefix netip.Prefix) tcpip.Subnet {
	return tcpip.AddressWithPrefix{
		Address: tcpip.AddrFromSlice(prefix.Addr().AsSlice()), PrefixLen: prefix.Bits(),
	}.Subnet()
}

func (w *world) dial(network string, to netip.AddrPort) (net.Conn, error) {
	address := fullAddress(to)
	if network == "udp" {
		return gonet.DialUDP(w.guest, nil, &address, networkProtocol(to.Addr()))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return gonet.DialContextTCP(ctx, w.guest, address, networkProtocol(to.Addr()))
}

func TestGuestsFindTheGatewayAtItsOtherAddresses(t *testing.T) {
	w := newWorld(t)
	for _, to := range []netip.Addr{host4, host6} {
		conn, err := w.dial("tcp", netip.AddrPortFrom(to, echoServer(t, to.Is6())))
		if err != nil {
			t.Fatal(to, err)
		}
		_ = conn.Close()
	}
	nobody := netip.MustParseAddr("10.9.0.77")
	if conn, err := w.dial("tcp", netip.AddrPortFrom(nobody, 80)); err == nil {
		_ = conn.Close()
		t.Fatal("the gateway has taken an address that nobody has")
	}
}

func TestGuestsReachTheWorldByTCP(t *testing.T) {
	w := newWorld(t)
	for _, to := range []netip.Addr{outside4, outside6} {
		port := echoServer(t, to.Is6())
		conn, err := w.dial("tcp", netip.AddrPortFrom(to, port))
		if err != nil {
			t.Fatal(to, err)
		}
		sent := make([]byte, 3<<20)
		_, _ = rand.Read(sent)
		go func() {
			_, _ = conn.Write(sent)
			_ = conn.(HalfCloser).CloseWrite()
		}()
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("%s: %d of %d bytes came back: %v", to, len(got), len(sent), err)
		}
		_ = conn.Close()
	}
	if from := w.outside.flows[0].From.Addr(); from != guest4 {
		t.Fatalf("the flow was from %s", from)
	}
}

func TestAPortThatNobodyListensAtIsRefused(t *testing.T) {
	w := newWorld(t)
	listener, _ := net.Listen("tcp4", "127.0.0.1:0")
	port := netip.MustParseAddrPort(listener.Addr().String()).Port()
	_ = listener.Close()
	began := time.Now()
	if _, err := w.dial("tcp", netip.AddrPortFrom(outside4, port)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v after %s", err, time.Since(began))
	}
}

func TestGuestsReachTheWorldByUDP(t *testing.T) {
	w := newWorld(t)
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	go func() {
		data := make([]byte, datagramMax)
		for {
			n, from, err := server.ReadFrom(data)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(data[:n], from)
		}
	}()
	conn, err := w.dial("udp", netip.AddrPortFrom(outside4, netip.MustParseAddrPort(server.LocalAddr().String()).Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	got := make([]byte, datagramMax)
	for _, size := range []int{1, 1400, 9000, 60000} {
		sent := bytes.Repeat([]byte{byte(size)}, size)
		if _, err := conn.Write(sent); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(got); err != nil || !bytes.Equal(got[:n], sent) {
			t.Fatalf("%d of %d bytes came back: %v", n, size, err)
		}
	}
}

func TestTheHostReachesGuests(t *testing.T) {
	w := newWorld(t)
	listener, err := gonet.ListenTCP(w.guest, tcpip.FullAddress{Port: 80}, ipv4.ProtocolNumber)
	if err != nil {
		t.Fatal(err)
	}
	go serveEcho(listener)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := w.DialGuest(ctx, "tcp", netip.AddrPortFrom(guest4, 80))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write([]byte("hello"))
	_ = conn.(HalfCloser).CloseWrite()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "hello" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := w.DialGuest(ctx, "tcp", netip.AddrPortFrom(guest4, 81)); err == nil {
		t.Fatal("a port that nobody listens at took a connection")
	}
}

func echoServer(t *testing.T, six bool) uint16 {
	t.Helper()
	address := "127.0.0.1:0"
	if six {
		address = "[::1]:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go serveEcho(listener)
	return netip.MustParseAddrPort(listener.Addr().String()).Port()
}

func serveEcho(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(conn, struct{ io.Reader }{conn})
			_ = conn.Close()
		}()
	}
}

// socketPair is as between a guest's monitor and its network.
func socketPair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]net.Conn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		if conns[i], err = net.FileConn(file); err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
	}
	return conns[0], conns[1]
}

func TestADatagramThatNobodyTakesIsToldOf(t *testing.T) {
	w := newWorld(t)
	conn, err := w.DialGuest(context.Background(), "udp", netip.AddrPortFrom(guest4, 91))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("is anybody there?")); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, err = conn.Read(make([]byte, 10))
	if timed, ok := errors.AsType[net.Error](err); err == nil || (ok && timed.Timeout()) {
		t.Errorf("it was told %v", err)
	}
}
