package network

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"ctr/netd/bridge"
	"ctr/netd/fabric"
	"ctr/netd/gateway"
	"ctr/netd/policy"
	"ctr/netd/publish"
)

// openBridge makes the kernel's part of a network.
func openBridge(config Config, rules *policy.Rules) (*bridge.Bridge, error) {
	asked := config.Bridge
	mac, errMAC := parseMAC(asked.MAC)
	ipv4, err4 := parsePrefix(asked.IPv4)
	ipv6, err6 := parsePrefix(asked.IPv6)
	if err := errors.Join(errMAC, err4, err6); err != nil {
		return nil, err
	}
	return bridge.Open(bridge.Config{
		Name: asked.Name, Tap: asked.Tap, MAC: mac, IPv4: ipv4, IPv6: ipv6, MTU: config.MTU,
		Forward:    !config.Internal && !closes(rules),
		HostAccess: !config.Internal && len(config.Host) > 0,
	})
}

// closes tells whether rules are such that the kernel cannot judge by them.
func closes(rules *policy.Rules) bool { return rules != nil && rules.Deny }

// join carries frames between the bridge and the gateway, as long as both are there.
func (n *Network) join(b *bridge.Bridge) {
	n.bridge = b
	go func() { _ = n.fabric.ServeTrunk(b.Trunk()) }()
}

// Lost is closed when the network cannot go on: somebody has removed its bridge. It is nil for one without.
func (n *Network) Lost() <-chan struct{} {
	if n.bridge == nil {
		return nil
	}
	return n.bridge.Lost()
}

// admit makes a guest's place, in the kernel or here.
func (n *Network) admit(port *fabric.Port, config Port, rules *policy.Rules) (*wire, error) {
	if n.bridge == nil {
		return newWire(port, config), nil
	}
	err := n.bridge.Add(bridge.Guest{
		Tap: config.Tap, Identity: port.Identity, Kept: config.NoHostAccess, Closed: closes(rules),
	})
	return &wire{port: port, config: config, cancel: func() { n.bridge.Drop(config.Tap) }}, err
}

// byKernel connects to guests by the kernel, which knows the way to a bridge's. What a guest says to its network's
// gateway alone is asked for by ours.
type byKernel struct{ gateway *gateway.Gateway }

func (k byKernel) DialGuest(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if to.Port() == publish.LoopbackPort {
		return k.gateway.DialGuest(ctx, network, to)
	}
	return new(net.Dialer).DialContext(ctx, network, to.String())
}
