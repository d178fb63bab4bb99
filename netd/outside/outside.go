// Package outside is what the guests of one network may reach, by the host's own sockets.
package outside

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"ctr/netd/bridge"
	"ctr/netd/gateway"
	"ctr/netd/policy"
)

// ErrDenied is what no guest of this network, or not this guest, may reach.
var ErrDenied = errors.New("not allowed")

// World of one network.
type World struct {
	Policy *policy.Policy
	// Internal networks lead nowhere.
	Internal bool
	// HostAccess lets guests reach services of the host: those bound to its loopback by the addresses of Host, the
	// others by the host's own addresses.
	HostAccess bool
	// Host is by which guests reach the host's loopback, one of each family.
	Host []netip.Addr
	// Network is the guests' own prefixes: an address of them that no guest has is nobody's.
	Network []netip.Prefix

	mu   sync.Mutex
	kept map[netip.Addr]bool
}

// KeepFromHost says whether a guest has no access to this machine, whatever its network has.
func (w *World) KeepFromHost(guest []netip.Addr, keep bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept == nil {
		w.kept = make(map[netip.Addr]bool)
	}
	for _, address := range guest {
		if keep {
			w.kept[address] = true
		} else {
			delete(w.kept, address)
		}
	}
}

func (w *World) hostAccess(guest netip.Addr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.HostAccess && !w.Internal && !w.kept[guest]
}

// Dial connects to what a guest asks for.
func (w *World) Dial(ctx context.Context, flow gateway.Flow) (net.Conn, error) {
	if w.isHost(flow.To.Addr()) {
		if !w.hostAccess(flow.From.Addr()) {
			return nil, ErrDenied
		}
		return dialLoopback(ctx, flow)
	}
	if !w.mayReach(flow.From.Addr(), flow.To.Addr()) {
		return nil, ErrDenied
	}
	switch w.Policy.Flow(flow.From.Addr(), flow.Network, flow.To) {
	case policy.Allowed:
		return dial(ctx, flow.Network, flow.To)
	case policy.ByName:
		return nil, gateway.ErrAskName
	}
	return nil, ErrDenied
}

// DialNamed connects to what a guest asks for by name.
func (w *World) DialNamed(ctx context.Context, flow gateway.Flow, guest net.Conn) (again, far net.Conn, err error) {
	again, name, err := policy.PeekName(guest)
	if err != nil {
		return nil, nil, err
	}
	if !w.Policy.Name(flow.From.Addr(), flow.To, name) {
		return nil, nil, ErrDenied
	}
	far, err = dial(ctx, flow.Network, flow.To)
	return again, far, err
}

// MayPing tells whether a guest's echoes go out: where names or ports decide, they do not.
func (w *World) MayPing(from, to netip.Addr) bool {
	return w.mayReach(from, to) && !w.isHost(to) && w.Policy.Flow(from, "icmp", netip.AddrPortFrom(to, 0)) == policy.Allowed
}

func (w *World) isHost(address netip.Addr) bool {
	for _, each := range w.Host {
		if each == address {
			return true
		}
	}
	return false
}

// mayReach leaves out what is not the world: this machine unless it is allowed, the network itself, and link-local
// addresses, at one of which clouds hand out a machine's credentials.
func (w *World) mayReach(from, to netip.Addr) bool {
	if w.Internal || !to.IsGlobalUnicast() || to.IsLoopback() {
		return false
	}
	for _, prefix := range w.Network {
		if prefix.Contains(to) {
			return false
		}
	}
	return !isBridged(to) && (w.hostAccess(from) || !isOwn(to))
}

// isOwn tells whether an address is one of this machine's.
func isOwn(address netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	return err != nil || contains(all, func(own netip.Prefix) bool { return own.Addr().Unmap() == address })
}

// isBridged tells whether an address is in a network of ctr that is a bridge: no network reaches another.
func isBridged(address netip.Addr) bool {
	links, err := net.Interfaces()
	for _, link := range links {
		if !bridge.Ours(link.Name) {
			continue
		}
		all, err := link.Addrs()
		if err != nil || contains(all, func(own netip.Prefix) bool { return own.Contains(address) }) {
			return true
		}
	}
	return err != nil // what cannot be told apart is not let through
}

func contains(addresses []net.Addr, wanted func(netip.Prefix) bool) bool {
	for _, each := range addresses {
		if prefix, err := netip.ParsePrefix(each.String()); err == nil && wanted(prefix) {
			return true
		}
	}
	return false
}

// dialLoopback: a service of "localhost" may listen at one of its two addresses alone.
func dialLoopback(ctx context.Context, flow gateway.Flow) (net.Conn, error) {
	addresses := []string{"127.0.0.1", "::1"}
	if flow.To.Addr().Is6() && flow.Network == "udp" {
		addresses = []string{"::1"}
	}
	var first error
	for _, address := range addresses {
		conn, err := dial(ctx, flow.Network, netip.AddrPortFrom(netip.MustParseAddr(address), flow.To.Port()))
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, to.String())
}
