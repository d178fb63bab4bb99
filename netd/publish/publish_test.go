package publish

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// here is a guest whose ports are this machine's.
type here struct{}

func (here) DialGuest(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, to.String())
}

var anyPort = netip.MustParseAddrPort("127.0.0.1:0")

func TestATCPPortLeadsToTheGuest(t *testing.T) {
	guest := listen(t, func(conn net.Conn) { _, _ = io.Copy(conn, struct{ io.Reader }{conn}) })
	p := New(here{})
	defer p.Close()
	at, err := p.Add("web", Port{Network: "tcp", Host: anyPort, Guest: guest})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.List()["web"].Host; got != at || at.Port() == 0 {
		t.Fatalf("it listens at %s, the list says %s", at, got)
	}
	const many = 1000
	var group sync.WaitGroup
	failed := make(chan error, many)
	for i := range many {
		group.Go(func() {
			if err := echo(at, fmt.Sprintf("hello %d", i)); err != nil {
				failed <- err
			}
		})
	}
	group.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
	p.Remove("web")
	if _, err := net.Dial("tcp", at.String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("after removal: %v", err)
	}
}

func TestARefusalIsPassedOn(t *testing.T) {
	p := New(here{})
	defer p.Close()
	at, _ := p.Add("none", Port{Network: "tcp", Host: anyPort, Guest: netip.MustParseAddrPort("127.0.0.1:1")})
	conn, err := net.Dial("tcp", at.String())
	if err == nil { // the reset may come that soon
		_, err = conn.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("got %v", err)
	}
}

func TestTheGuestIsToldWhoConnects(t *testing.T) {
	lines := make(chan string, 1)
	guest := listen(t, func(conn net.Conn) {
		line, _ := bufio.NewReader(conn).ReadString('\n')
		lines <- line
	})
	p := New(here{})
	defer p.Close()
	at, _ := p.Add("web", Port{Network: "tcp", Host: anyPort, Guest: guest, ProxyProtocol: true})
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	from := netip.MustParseAddrPort(conn.LocalAddr().String())
	want := fmt.Sprintf("PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n", from.Port(), at.Port())
	if got := <-lines; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestAUDPPortKeepsItsClientsApart(t *testing.T) {
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	go func() {
		data := make([]byte, 100)
		for {
			n, from, err := server.ReadFrom(data)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(append([]byte("re: "), data[:n]...), from)
		}
	}()
	p := New(here{})
	defer p.Close()
	at, err := p.Add("dns", Port{Network: "udp", Host: anyPort, Guest: netip.MustParseAddrPort(server.LocalAddr().String())})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		conn, err := net.Dial("udp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = conn.Write([]byte(name))
		data := make([]byte, 100)
		if n, err := conn.Read(data); err != nil || string(data[:n]) != "re: "+name {
			t.Fatalf("%s got %q, %v", name, data[:n], err)
		}
	}
}

func TestATakenPortIsAnError(t *testing.T) {
	p := New(here{})
	defer p.Close()
	at, _ := p.Add("first", Port{Network: "tcp", Host: anyPort, Guest: anyPort})
	if _, err := p.Add("second", Port{Network: "tcp", Host: at, Guest: anyPort}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("got %v", err)
	}
	if _, err := p.Add("first", Port{Network: "tcp", Host: anyPort, Guest: anyPort}); !errors.Is(err, ErrExists) {
		t.Fatalf("got %v", err)
	}
}

func echo(at netip.AddrPort, text string) error {
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write([]byte(text))
	_ = conn.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(conn)
	if err == nil && string(got) != text {
		err = fmt.Errorf("got %q, want %q", got, text)
	}
	return err
}

func listen(t *testing.T, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				serve(conn)
				_ = conn.Close()
			}()
		}
	}()
	return netip.MustParseAddrPort(listener.Addr().String())
}

// closed is a guest whose services listen on its loopback alone, behind what every guest has.
type closed struct{ here }

func (c closed) DialGuest(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if network == "udp" {
		return net.Dial("udp", "127.0.0.1:1")
	}
	if to.Port() != LoopbackPort {
		return nil, syscall.ECONNREFUSED
	}
	near, far := net.Pipe()
	go func() {
		defer func() { _ = far.Close() }()
		var wanted [3]byte
		_, _ = io.ReadFull(far, wanted[:])
		kind := "tcp"
		if wanted[0] == wantDatagrams {
			kind = "udp"
		}
		service, err := net.Dial(kind, fmt.Sprintf("127.0.0.1:%d", int(wanted[1])<<8|int(wanted[2])))
		if err != nil {
			_, _ = far.Write([]byte{1})
			return
		}
		_, _ = far.Write([]byte{0})
		if kind == "udp" {
			service, far = &datagrams{Conn: far}, service
			defer func() { _ = service.Close() }()
		}
		go func() { _, _ = io.Copy(service, far) }()
		_, _ = io.Copy(far, service)
	}()
	return near, nil
}

func TestAServiceOfTheGuestsLoopbackIsReached(t *testing.T) {
	guest := listen(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "hello")
		_ = conn.Close()
	})
	p := New(closed{})
	defer p.Close()
	at, _ := p.Add("web", Port{Network: "tcp", Host: anyPort, Guest: guest})
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(conn); string(got) != "hello" {
		t.Fatalf("got %q", got)
	}
	if !p.Listening("web") {
		t.Fatal("somebody listens")
	}
	_, _ = p.Add("none", Port{Network: "tcp", Host: anyPort, Guest: netip.MustParseAddrPort("127.0.0.1:1")})
	if p.Listening("none") || p.Listening("unknown") {
		t.Fatal("nobody listens")
	}
}

func TestADatagramServiceOfTheGuestsLoopbackIsReached(t *testing.T) {
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	go func() {
		data := make([]byte, 2000)
		for {
			n, from, err := server.ReadFrom(data)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(append([]byte("said "), data[:n]...), from)
		}
	}()
	p := New(closed{})
	defer p.Close()
	guest := netip.MustParseAddrPort(server.LocalAddr().String())
	at, err := p.Add("dns", Port{Network: "udp", Host: anyPort, Guest: guest})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	for _, words := range []string{"first", "second"} {
		if _, err := io.WriteString(conn, words); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 2000)
		if n, err := conn.Read(answer); err != nil || string(answer[:n]) != "said "+words {
			t.Fatalf("%q, %v", answer[:n], err)
		}
	}
}

func TestTenThousandConnectionsLeaveNoDescriptor(t *testing.T) {
	descriptors := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("this system does not count descriptors")
		}
		return len(open)
	}
	guest := listen(t, func(conn net.Conn) { _, _ = io.Copy(conn, struct{ io.Reader }{conn}) })
	p := New(here{})
	defer p.Close()
	at, err := p.Add("web", Port{Network: "tcp", Host: anyPort, Guest: guest})
	if err != nil {
		t.Fatal(err)
	}
	before := descriptors()
	for range 100 {
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if err := echo(at, "x"); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	const others = 5 // of the runtime, and connections that are about to close
	for deadline := time.Now().Add(5 * time.Second); descriptors() > before+others; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors, %d before", descriptors(), before)
		}
	}
}
