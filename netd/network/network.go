// Package network puts one network together: switch, gateway, names, published ports and rules.
package network

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"ctr/netd/bridge"
	"ctr/netd/dhcp"
	"ctr/netd/fabric"
	"ctr/netd/gateway"
	"ctr/netd/names"
	"ctr/netd/outside"
	"ctr/netd/policy"
	"ctr/netd/publish"
)

const namePort = 53

// ErrNotFound is a port or a publication that is not there.
var ErrNotFound = errors.New("there is none of that ID")

// Network is one network.
type Network struct {
	Config    Config
	fabric    *fabric.Fabric
	gateway   *gateway.Gateway
	world     *outside.World
	table     *names.Table
	policy    *policy.Policy
	publisher *publish.Publisher
	bridge    *bridge.Bridge // nil where guests are plugged in here
	own4      netip.Prefix   // the gateway's

	mu    sync.Mutex
	wires map[string]*wire
}

// Open makes a network. onDenial is called for the first denial of each kind.
func Open(config Config, onDenial func(policy.Denial)) (*Network, error) {
	mac, err := parseMAC(config.MAC)
	if err != nil {
		return nil, err
	}
	if config.MTU < leastMTU || config.MTU > mostMTU {
		return nil, fmt.Errorf("%w: an MTU of %d, want %d to %d", ErrConfig, config.MTU, leastMTU, mostMTU)
	}
	ipv4, err4 := parsePrefix(config.IPv4)
	ipv6, err6 := parsePrefix(config.IPv6)
	host, errHost := parseAddresses(config.Host)
	rules, errRules := parseRules(config.Egress)
	if err := errors.Join(err4, err6, errHost, errRules); err != nil {
		return nil, err
	}
	n := &Network{
		Config: config, fabric: fabric.New(), table: names.NewTable(), policy: policy.New(), wires: make(map[string]*wire),
	}
	n.policy.OnDenial = onDenial
	if rules != nil {
		n.policy.SetNetwork(*rules)
	}
	world := &outside.World{
		Policy: n.policy, Internal: config.Internal, HostAccess: len(host) > 0, Host: host, Network: masked(ipv4, ipv6),
	}
	n.gateway, err = gateway.New(gateway.Config{MAC: mac, IPv4: ipv4, IPv6: ipv6, MTU: config.MTU, Others: host}, n.fabric, world)
	if err != nil {
		return nil, err
	}
	n.world, n.own4 = world, ipv4
	if ipv4.IsValid() {
		server := dhcp.Server{MAC: mac, Address: ipv4, MTU: uint16(config.MTU)}
		n.fabric.Connect(leases{Gateway: n.gateway, network: n, server: server})
	}
	n.publisher = publish.New(n.gateway)
	if config.Bridge != nil {
		kernel, err := openBridge(config, rules)
		if err != nil {
			n.gateway.Close()
			return nil, err
		}
		n.join(kernel)
		n.publisher = publish.New(byKernel{n.gateway})
	}
	if err := n.serveNames(ipv4, ipv6); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func masked(prefixes ...netip.Prefix) []netip.Prefix {
	var all []netip.Prefix
	for _, prefix := range prefixes {
		if prefix.IsValid() {
			all = append(all, prefix.Masked())
		}
	}
	return all
}

func (n *Network) serveNames(prefixes ...netip.Prefix) error {
	var upstream names.Upstream = &names.HostServers{Path: n.Config.ResolvConf}
	if n.Config.Internal {
		upstream = names.Nobody{}
	}
	server := names.NewServer(n.table, upstream, n.policy)
	for _, prefix := range prefixes {
		if !prefix.IsValid() {
			continue
		}
		packets, listener, err := n.gateway.Listen(netip.AddrPortFrom(prefix.Addr(), namePort))
		if err != nil {
			return fmt.Errorf("serve names at %s: %w", prefix.Addr(), err)
		}
		go func() { _ = server.Serve(packets, listener) }()
	}
	return nil
}

// AddPort makes a place for a guest, and keeps it connected to the guest's monitor.
func (n *Network) AddPort(config Port) error {
	mac, err := parseMAC(config.MAC)
	if err != nil {
		return err
	}
	addresses, err := parseAddresses(config.Addresses)
	if err != nil {
		return err
	}
	rules, err := parseRules(config.Egress)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	port, err := n.fabric.Add(config.ID, fabric.Identity{MAC: mac, Addresses: addresses})
	if err != nil {
		return err
	}
	n.policy.SetGuest(addresses, rules)
	n.world.KeepFromHost(addresses, config.NoHostAccess)
	wire, err := n.admit(port, config, rules)
	if err != nil {
		n.fabric.Remove(config.ID)
		return err
	}
	n.table.Set(config.ID, config.Names, addresses)
	n.wires[config.ID] = wire
	return nil
}

// RemovePort takes a guest away: its names, its rules, its place.
func (n *Network) RemovePort(id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.wires[id]
	if w == nil {
		return ErrNotFound
	}
	delete(n.wires, id)
	n.table.Remove(id)
	n.fabric.Remove(id)
	n.policy.SetGuest(w.port.Identity.Addresses, nil)
	n.world.KeepFromHost(w.port.Identity.Addresses, false)
	w.close()
	return nil
}

// SetNames replaces a guest's names.
func (n *Network) SetNames(id string, all []string) error {
	port := n.fabric.Port(id)
	if port == nil {
		return ErrNotFound
	}
	n.table.Set(id, all, port.Identity.Addresses)
	return nil
}

// Publish listens for a guest, and returns where.
func (n *Network) Publish(config Published) (string, error) {
	host, err := netip.ParseAddrPort(config.Host)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrConfig, err)
	}
	guest, err := netip.ParseAddrPort(config.Guest)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrConfig, err)
	}
	at, err := n.publisher.Add(config.ID, publish.Port{
		Network: config.Network, Host: host, Guest: guest, ProxyProtocol: config.ProxyProtocol,
	})
	return at.String(), err
}

// Listening tells whether somebody in the guest takes connections of a published port.
func (n *Network) Listening(id string) bool { return n.publisher.Listening(id) }

// Unpublish stops listening.
func (n *Network) Unpublish(id string) { n.publisher.Remove(id) }

// Ask answers a question for a name as a guest would be answered, for tools of the host.
func (n *Network) Ask(name string) []netip.Addr {
	addresses, _ := n.table.Addresses(name)
	return addresses
}

// Close ends everything.
func (n *Network) Close() {
	n.publisher.Close()
	n.mu.Lock()
	ids := make([]string, 0, len(n.wires))
	for id := range n.wires {
		ids = append(ids, id)
	}
	n.mu.Unlock()
	for _, id := range ids {
		_ = n.RemovePort(id)
	}
	if n.bridge != nil {
		n.bridge.Close()
	}
	n.gateway.Close()
}
