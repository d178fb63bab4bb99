package fabric

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"ctr/netd/frame"
)

var (
	macA = MAC{2, 0, 0, 0, 0, 0xa}
	macB = MAC{2, 0, 0, 0, 0, 0xb}
	macG = MAC{2, 0, 0, 0, 0, 0x1}

	ipA  = netip.MustParseAddr("10.0.0.10")
	ipB  = netip.MustParseAddr("10.0.0.11")
	ip6A = netip.MustParseAddr("fd00::a")
)

type sink struct {
	mu     sync.Mutex
	frames [][]byte
}

func (s *sink) MAC() MAC { return macG }

func (s *sink) Deliver(_ *Port, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames = append(s.frames, bytes.Clone(data))
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.frames)
}

// network is a switch with two guests, each end of whose wires the test holds.
type network struct {
	*Fabric
	gateway *sink
	a, b    frame.Conn
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{Fabric: New(), gateway: &sink{}}
	n.Connect(n.gateway)
	n.a = n.plug(t, "a", Identity{MAC: macA, Addresses: []netip.Addr{ipA, ip6A}})
	n.b = n.plug(t, "b", Identity{MAC: macB, Addresses: []netip.Addr{ipB}})
	return n
}

func (n *network) plug(t *testing.T, id string, identity Identity) frame.Conn {
	t.Helper()
	port, err := n.Add(id, identity)
	if err != nil {
		t.Fatal(err)
	}
	return n.wire(t, port)
}

func (n *network) wire(t *testing.T, port *Port) frame.Conn {
	t.Helper()
	near, far := net.Pipe()
	go func() { _ = port.Serve(frame.Stream(near)) }()
	conn := frame.Stream(far)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func ethernet(to, from MAC, kind uint16, payload []byte) []byte {
	data := append(append([]byte(nil), to[:]...), from[:]...)
	return append(binary.BigEndian.AppendUint16(data, kind), payload...)
}

func ipv4(from, to netip.Addr, protocol byte, payload []byte) []byte {
	p := make([]byte, 20, 20+len(payload))
	p[0], p[8], p[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(p[2:], uint16(20+len(payload)))
	copy(p[12:], from.AsSlice())
	copy(p[16:], to.AsSlice())
	return append(p, payload...)
}

func send(t *testing.T, conn frame.Conn, data []byte) {
	t.Helper()
	if err := conn.Write([][]byte{data}); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, conn frame.Conn) []byte {
	t.Helper()
	got := make(chan []byte, 1)
	go func() {
		if data, err := conn.Read(); err == nil {
			got <- bytes.Clone(data)
		}
	}()
	select {
	case data := <-got:
		return data
	case <-time.After(5 * time.Second):
		t.Fatal("no frame came")
		return nil
	}
}

func TestFramesGoToWhomTheyAreFor(t *testing.T) {
	n := newNetwork(t)
	toB := ethernet(macB, macA, typeIPv4, ipv4(ipA, ipB, 6, []byte("segment")))
	send(t, n.a, toB)
	if got := receive(t, n.b); !bytes.Equal(got, toB) {
		t.Fatalf("b got %x", got)
	}
	send(t, n.b, ethernet(macG, macB, typeIPv4, ipv4(ipB, netip.MustParseAddr("192.0.2.1"), 6, nil)))
	toAll := ethernet(broadcast, macB, typeARP, arp(macB, ipB))
	send(t, n.b, toAll)
	if got := receive(t, n.a); !bytes.Equal(got, toAll) {
		t.Fatalf("a got %x", got)
	}
	wait(t, func() bool { return n.gateway.count() == 2 })
	fromG := ethernet(macA, macG, typeIPv4, ipv4(netip.MustParseAddr("192.0.2.1"), ipA, 6, nil))
	n.Send(fromG)
	if got := receive(t, n.a); !bytes.Equal(got, fromG) {
		t.Fatalf("a got %x", got)
	}
}

func TestAForgerGetsNothingThrough(t *testing.T) {
	n := newNetwork(t)
	forged := map[string][]byte{
		"another MAC":         ethernet(macB, macB, typeIPv4, ipv4(ipA, ipB, 6, nil)),
		"another address":     ethernet(macB, macA, typeIPv4, ipv4(netip.MustParseAddr("10.0.0.99"), ipB, 6, nil)),
		"the gateway's ARP":   ethernet(broadcast, macA, typeARP, arp(macA, netip.MustParseAddr("10.0.0.1"))),
		"ARP of another MAC":  ethernet(broadcast, macA, typeARP, arp(macB, ipA)),
		"a DHCP server":       ethernet(macB, macA, typeIPv4, ipv4(ipA, ipB, 17, []byte{0, 67, 0, 68, 0, 8, 0, 0})),
		"a router":            ethernet(macB, macA, typeIPv6, ipv6(ip6A, 58, []byte{134, 0, 0, 0})),
		"a redirect":          ethernet(macB, macA, typeIPv6, ipv6(ip6A, 58, []byte{137, 0, 0, 0})),
		"a neighbor's name":   ethernet(macB, macA, typeIPv6, ipv6(ip6A, 58, append([]byte{136, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 16)...))),
		"another IPv6":        ethernet(macB, macA, typeIPv6, ipv6(netip.MustParseAddr("fd00::b"), 6, nil)),
		"router in extension": ethernet(macB, macA, typeIPv6, ipv6(ip6A, 60, append([]byte{58, 0, 0, 0, 0, 0, 0, 0}, 134, 0, 0, 0))),
	}
	for name, data := range forged {
		before := n.Port("a").Counters.Spoofed.Load()
		send(t, n.a, data)
		wait(t, func() bool { return n.Port("a").Counters.Spoofed.Load() == before+1 })
		if n.gateway.count() != 0 || n.Port("b").Counters.SentFrames.Load() != 0 {
			t.Fatalf("%s got through", name)
		}
	}
	malformed := [][]byte{
		{}, {1, 2, 3},
		ethernet(macB, macA, typeIPv4, []byte{0x45}),
		ethernet(macB, macA, typeIPv4, ipv4(ipA, ipB, 6, nil)[:19]),
		ethernet(macB, macA, 0x8100, make([]byte, 50)), // VLAN
		ethernet(macB, macA, typeARP, make([]byte, 28)),
		ethernet(macB, macA, typeIPv6, make([]byte, 39)),
	}
	for _, data := range malformed {
		before := n.Port("a").Counters.Malformed.Load()
		send(t, n.a, data)
		wait(t, func() bool { return n.Port("a").Counters.Malformed.Load() == before+1 })
	}
}

func TestASlowReceiverCostsTheFastSenderAlone(t *testing.T) {
	n := newNetwork(t)
	macC, ipC := MAC{2, 0, 0, 0, 0, 0xc}, netip.MustParseAddr("10.0.0.12")
	c := n.plug(t, "c", Identity{MAC: macC, Addresses: []netip.Addr{ipC}})
	big := ethernet(macB, macA, typeIPv4, ipv4(ipA, ipB, 6, make([]byte, 1400)))
	for range 3 * senderFrames { // b takes nothing
		send(t, n.a, big)
	}
	if n.Port("b").Counters.Overrun.Load() == 0 {
		t.Fatal("nothing was dropped")
	}
	quiet := ethernet(macB, macC, typeIPv4, ipv4(ipC, ipB, 6, []byte("from c")))
	send(t, c, quiet)
	for range 2*batchFrames + 2 { // c's frame is among the first, although a has a thousand waiting
		if bytes.Equal(receive(t, n.b), quiet) {
			return
		}
	}
	t.Fatal("c's frame did not come in its turn")
}

func TestAPortIsPluggedInAgain(t *testing.T) {
	n := newNetwork(t)
	_ = n.b.Close()
	b := n.wire(t, n.Port("b"))
	for range 20 {
		data := ethernet(macB, macA, typeIPv4, ipv4(ipA, ipB, 6, []byte("again")))
		send(t, n.a, data)
		if got := receive(t, b); !bytes.Equal(got, data) {
			t.Fatalf("b got %x", got)
		}
	}
}

func TestNamesAndMACsAreTakenOnce(t *testing.T) {
	n := newNetwork(t)
	for id, identity := range map[string]Identity{"a": {MAC: MAC{9}}, "new": {MAC: macA}, "g": {MAC: macG}} {
		if _, err := n.Add(id, identity); !errors.Is(err, ErrTaken) {
			t.Fatalf("%s: %v", id, err)
		}
	}
	n.Remove("a")
	if _, err := n.a.Read(); !errors.Is(err, io.EOF) {
		t.Fatalf("a's wire: %v", err)
	}
	if _, err := n.Add("a", Identity{MAC: macA}); err != nil {
		t.Fatal(err)
	}
}

// FuzzCheck feeds frames of a hostile guest: the guard ends, and what it lets pass is the guest's own.
func FuzzCheck(f *testing.F) {
	identity := Identity{MAC: macA, Addresses: []netip.Addr{ipA, ip6A}}
	f.Add(ethernet(macB, macA, typeIPv4, ipv4(ipA, ipB, 6, []byte("x"))))
	f.Add(ethernet(broadcast, macA, typeARP, arp(macA, ipA)))
	f.Add(ethernet(macB, macA, typeIPv6, ipv6(ip6A, 60, []byte{58, 0, 0, 0, 0, 0, 0, 0, 134, 0, 0, 0})))
	f.Fuzz(func(t *testing.T, data []byte) {
		if identity.Check(data) != Passed {
			return
		}
		if MAC(data[6:12]) != macA {
			t.Fatal("a frame of another MAC passed")
		}
		if EtherType(data) == typeIPv4 && netip.AddrFrom4([4]byte(data[26:30])) != ipA {
			t.Fatal("a packet of another address passed")
		}
	})
}

func arp(mac MAC, ip netip.Addr) []byte {
	p := []byte("\x00\x01\x08\x00\x06\x04\x00\x01")
	p = append(append(p, mac[:]...), ip.AsSlice()...)
	return append(p, make([]byte, 10)...)
}

func ipv6(from netip.Addr, next byte, payload []byte) []byte {
	p := make([]byte, 40, 40+len(payload))
	p[0], p[6], p[7] = 0x60, next, 255
	binary.BigEndian.PutUint16(p[4:], uint16(len(payload)))
	copy(p[8:], from.AsSlice())
	p[24], p[39] = 0xff, 1
	return append(p, payload...)
}

func wait(t *testing.T, done func() bool) {
	t.Helper()
	for until := time.Now().Add(5 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("it did not happen")
		}
	}
}

func TestATrunkCarriesWhatGuestsElsewhereSayAndIsNotBelieved(t *testing.T) {
	f, gateway := New(), &sink{}
	f.Connect(gateway)
	if _, err := f.Add("a", Identity{MAC: macA, Addresses: []netip.Addr{ipA}}); err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	trunk := frame.Stream(near)
	go func() { _ = f.ServeTrunk(frame.Stream(far)) }()
	t.Cleanup(func() { _ = near.Close() })
	good := ethernet(macG, macA, typeIPv4, ipv4(ipA, ipB, 17, make([]byte, 8)))
	for _, each := range [][]byte{
		{}, good[:20], ethernet(macG, macA, typeIPv4, ipv4(ipB, ipB, 17, make([]byte, 8))), ethernet(macG, macB, typeIPv4, ipv4(ipB, ipA, 17, make([]byte, 8))), ethernet(macB, macA, typeIPv4, ipv4(ipA, ipB, 17, make([]byte, 8))), good,
	} {
		if err := trunk.Write([][]byte{each}); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, func() bool { return gateway.count() == 1 })
	if !bytes.Equal(gateway.frames[0], good) {
		t.Errorf("delivered %x", gateway.frames[0])
	}
	f.Send(ethernet(macB, macG, typeIPv4, ipv4(ipB, ipA, 17, make([]byte, 8))))
	if data, err := trunk.Read(); err != nil || MAC(data[:6]) != macB {
		t.Errorf("sent %x, %v", data, err)
	}
}
