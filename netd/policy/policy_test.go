package policy

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

var (
	guest  = netip.MustParseAddr("10.9.0.2")
	other  = netip.MustParseAddr("10.9.0.3")
	shared = netip.MustParseAddr("192.0.2.9")
	v6     = netip.MustParseAddr("2001:db8::9")
)

func strict() *Policy {
	p := New()
	p.SetNetwork(Rules{Deny: true, Exceptions: []Exception{
		{Name: "*.example.com", Port: 443}, {Name: "plain.test"}, {Range: netip.MustParsePrefix("198.51.100.0/24"), Port: 22},
	}})
	return p
}

func at(address netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(address, port) }

func TestOnlyExceptionsGetThrough(t *testing.T) {
	p := strict()
	p.Learn(guest, "cdn.Example.com.", []netip.Addr{shared, v6}, time.Second)
	for _, c := range []struct {
		who     netip.Addr
		network string
		to      netip.AddrPort
		want    Verdict
	}{
		{guest, "tcp", at(shared, 443), ByName},
		{guest, "tcp", at(v6, 443), ByName},
		{guest, "udp", at(shared, 443), Denied},
		{guest, "tcp", at(shared, 80), Denied},
		{other, "tcp", at(shared, 443), Denied}, // it was not told
		{guest, "tcp", at(netip.MustParseAddr("192.0.2.10"), 443), Denied},
		{guest, "tcp", at(netip.MustParseAddr("198.51.100.4"), 22), Allowed},
		{guest, "udp", at(netip.MustParseAddr("198.51.100.4"), 22), Allowed},
		{guest, "tcp", at(netip.MustParseAddr("198.51.100.4"), 23), Denied},
	} {
		if got := p.Flow(c.who, c.network, c.to); got != c.want {
			t.Errorf("%s %s %s: %d, want %d", c.who, c.network, c.to, got, c.want)
		}
	}
	if !p.Name(guest, at(shared, 443), "CDN.example.com") || p.Name(guest, at(shared, 443), "evil.example") {
		t.Error("the name of a TLS client was judged wrongly")
	}
	if !p.MayAsk(guest, "a.b.example.com") || p.MayAsk(guest, "example.com") || p.MayAsk(guest, "c2VjcmV0.evil.example") {
		t.Error("questions were judged wrongly")
	}
	if len(p.Denials()) == 0 {
		t.Error("nothing was counted")
	}
}

func TestAnAnswerHoldsForAWhile(t *testing.T) {
	p := strict()
	now := time.Unix(1e9, 0)
	p.now = func() time.Time { return now }
	p.Learn(guest, "plain.test", []netip.Addr{shared}, time.Second)
	now = now.Add(leastTTL - time.Second)
	if p.Flow(guest, "tcp", at(shared, 80)) != ByName {
		t.Error("it was forgotten too soon")
	}
	now = now.Add(2 * time.Second)
	if p.Flow(guest, "tcp", at(shared, 80)) != Denied {
		t.Error("it was not forgotten")
	}
}

func TestAGuestsOwnRulesComeFirst(t *testing.T) {
	p := strict()
	p.SetGuest([]netip.Addr{guest}, &Rules{})
	if p.Flow(guest, "udp", at(shared, 1)) != Allowed || p.Flow(other, "udp", at(shared, 1)) != Denied {
		t.Error("the wrong rules were used")
	}
	p.SetGuest([]netip.Addr{guest}, nil)
	if p.Flow(guest, "udp", at(shared, 1)) != Denied {
		t.Error("the guest's rules stayed")
	}
}

func TestPeekNameReadsAHello(t *testing.T) {
	client, server := net.Pipe()
	go func() { _ = tls.Client(client, &tls.Config{ServerName: "cdn.example.com"}).Handshake() }()
	conn, name, err := PeekName(server)
	if err != nil || name != "cdn.example.com" {
		t.Fatalf("got %q, %v", name, err)
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil || first[0] != handshakeRecord {
		t.Fatalf("the hello does not come again: %v, %v", first, err)
	}
}

func TestPeekNameLeavesOtherProtocolsAlone(t *testing.T) {
	client, server := net.Pipe()
	go func() {
		_, _ = client.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
		_ = client.Close()
	}()
	conn, name, err := PeekName(server)
	if err != nil || name != "" {
		t.Fatalf("got %q, %v", name, err)
	}
	if text, _ := io.ReadAll(conn); string(text) != "GET / HTTP/1.0\r\n\r\n" {
		t.Fatalf("got %q", text)
	}
}

// FuzzPeekName feeds the first words of a hostile client.
func FuzzPeekName(f *testing.F) {
	f.Add([]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		client, server := net.Pipe()
		go func() {
			_, _ = client.Write(data)
			_ = client.Close()
		}()
		_, _, _ = PeekName(server)
		_ = server.Close()
	})
}
