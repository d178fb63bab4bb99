package outside

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"testing"

	"ctr/netd/gateway"
	"ctr/netd/policy"
)

var (
	guest = netip.MustParseAddrPort("10.9.0.2:40000")
	host4 = netip.MustParseAddr("10.9.0.254")
)

func world() *World {
	return &World{
		Policy: policy.New(), HostAccess: true, Host: []netip.Addr{host4},
		Network: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/24")},
	}
}

func flow(to string) gateway.Flow {
	return gateway.Flow{Network: "tcp", From: guest, To: netip.MustParseAddrPort(to)}
}

func service(t *testing.T, at string) uint16 {
	t.Helper()
	listener, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return netip.MustParseAddrPort(listener.Addr().String()).Port()
}

func TestTheHostsLoopbackIsReachedByItsOwnAddress(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		to := gateway.Flow{Network: "tcp", From: guest, To: netip.AddrPortFrom(host4, service(t, at))}
		conn, err := world().Dial(context.Background(), to)
		if err != nil {
			t.Fatalf("a service at %s: %v", at, err)
		}
		_ = conn.Close()
		w := world()
		w.HostAccess = false
		if _, err := w.Dial(context.Background(), to); !errors.Is(err, ErrDenied) {
			t.Fatalf("without host access: %v", err)
		}
		w = world()
		w.Internal = true
		if _, err := w.Dial(context.Background(), to); !errors.Is(err, ErrDenied) {
			t.Fatalf("from an internal network: %v", err)
		}
		w = world()
		w.KeepFromHost([]netip.Addr{guest.Addr()}, true)
		if _, err := w.Dial(context.Background(), to); !errors.Is(err, ErrDenied) {
			t.Fatalf("from a guest that is kept from the host: %v", err)
		}
		w.KeepFromHost([]netip.Addr{guest.Addr()}, false)
		if conn, err := w.Dial(context.Background(), to); err != nil {
			t.Fatalf("from the next guest of that address: %v", err)
		} else {
			_ = conn.Close()
		}
	}
}

func TestWhatIsNotTheWorldIsDenied(t *testing.T) {
	for _, to := range []string{
		"127.0.0.1:22", "[::1]:22", "0.0.0.0:1", "169.254.169.254:80", "[fe80::1]:1", "224.0.0.1:1", "10.9.0.77:80",
	} {
		if _, err := world().Dial(context.Background(), flow(to)); !errors.Is(err, ErrDenied) {
			t.Errorf("%s: %v", to, err)
		}
	}
	addresses, _ := net.InterfaceAddrs()
	for _, each := range addresses {
		own := netip.MustParsePrefix(each.String()).Addr()
		w := world()
		w.HostAccess = false
		if _, err := w.Dial(context.Background(), flow(netip.AddrPortFrom(own, 1).String())); !errors.Is(err, ErrDenied) {
			t.Errorf("the host's own %s: %v", own, err)
		}
	}
}

func TestANamedFlowWaitsForTheName(t *testing.T) {
	w := world()
	w.Policy.SetNetwork(policy.Rules{Deny: true, Exceptions: []policy.Exception{{Name: "ok.test"}}})
	far := netip.MustParseAddr("192.0.2.1")
	w.Policy.Learn(guest.Addr(), "ok.test", []netip.Addr{far}, 0)
	asked := flow("192.0.2.1:443")
	if _, err := w.Dial(context.Background(), asked); !errors.Is(err, gateway.ErrAskName) {
		t.Fatalf("got %v", err)
	}
	client, server := net.Pipe()
	go func() { _ = tls.Client(client, &tls.Config{ServerName: "other.test"}).Handshake() }()
	if _, _, err := w.DialNamed(context.Background(), asked, server); !errors.Is(err, ErrDenied) {
		t.Fatalf("got %v", err)
	}
}
