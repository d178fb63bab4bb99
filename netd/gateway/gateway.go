// Package gateway is what stands behind a network's switch: a TCP/IP stack in user space that takes the guests' packets
// and passes on what is in them by the host's own sockets. So the host's routes, VPNs and name servers are the guests'.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"ctr/netd/fabric"
)

const nic = 1

// Config of a gateway.
type Config struct {
	MAC fabric.MAC
	// IPv4 and IPv6 are the gateway's own addresses with the length of the network's prefix. One may be zero.
	IPv4, IPv6 netip.Prefix
	MTU        uint32
	// Others are further addresses at which guests find the gateway.
	Others []netip.Addr
}

// Outside is what guests reach through the gateway.
type Outside interface {
	// Dial connects to what a guest asks for. ErrAskName: the guest's first words decide.
	Dial(ctx context.Context, flow Flow) (net.Conn, error)
	// DialNamed reads the first words of the guest and connects to what it asks for, or not. The guest's connection
	// that it returns begins with those words again.
	DialNamed(ctx context.Context, flow Flow, guest net.Conn) (again, far net.Conn, err error)
	// MayPing tells whether a guest's echoes go out.
	MayPing(from, to netip.Addr) bool
}

// ErrAskName is a connection that cannot be judged before the guest has said whom it means.
var ErrAskName = errors.New("the guest must say a name first")

// Flow is what a guest asks for.
type Flow struct {
	Network string // tcp, udp
	From    netip.AddrPort
	To      netip.AddrPort
}

// Gateway of one network.
type Gateway struct {
	config  Config
	link    *link
	stack   *stack.Stack
	outside Outside
	echoes  *echoes
}

// New connects a gateway to the switch.
func New(config Config, switched *fabric.Fabric, outside Outside) (*Gateway, error) {
	g := &Gateway{config: config, outside: outside}
	g.link = &link{mac: config.MAC, mtu: config.MTU, fabric: switched, own: g.owns}
	g.echoes = newEchoes(g)
	g.stack = stack.New(stack.Options{
		NetworkProtocols: []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{
			tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6,
		},
	})
	if err := g.configure(); err != nil {
		return nil, err
	}
	g.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, tcp.NewForwarder(g.stack, 0, maxOpening, g.openTCP).HandlePacket)
	g.stack.SetTransportProtocolHandler(udp.ProtocolNumber, udp.NewForwarder(g.stack, g.openUDP).HandlePacket)
	switched.Connect(g)
	return g, nil
}

func (g *Gateway) configure() error {
	if err := g.stack.CreateNIC(nic, g.link); err != nil {
		return fmt.Errorf("make the gateway's interface: %s", err)
	}
	var routes []tcpip.Route
	for _, prefix := range g.prefixes() {
		protocol := ipv4.ProtocolNumber
		if prefix.Addr().Is6() {
			protocol = ipv6.ProtocolNumber
		}
		address := tcpip.ProtocolAddress{Protocol: protocol, AddressWithPrefix: tcpip.AddressWithPrefix{
			Address: tcpip.AddrFromSlice(prefix.Addr().AsSlice()), PrefixLen: prefix.Bits(),
		}}
		if err := g.stack.AddProtocolAddress(nic, address, stack.AddressProperties{}); err != nil {
			return fmt.Errorf("give the gateway %s: %s", prefix, err)
		}
		routes = append(routes, tcpip.Route{Destination: address.AddressWithPrefix.Subnet(), NIC: nic})
	}
	for _, other := range g.config.Others {
		if other.Is4() {
			continue
		}
		// Where guests ask for it (RFC 4861, 7.2.1).
		group := header.SolicitedNodeAddr(tcpip.AddrFromSlice(other.AsSlice()))
		if err := g.stack.JoinGroup(ipv6.ProtocolNumber, nic, group); err != nil {
			return fmt.Errorf("listen for %s: %s", other, err)
		}
	}
	routes = append(routes, tcpip.Route{Destination: header.IPv6EmptySubnet, NIC: nic})
	g.stack.SetRouteTable(routes)
	g.stack.SetSpoofing(nic, true)
	g.stack.SetPromiscuousMode(nic, true)
	sack := tcpip.TCPSACKEnabled(true)
	moderate := tcpip.TCPModerateReceiveBufferOption(true)
	_ = g.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &sack)
	_ = g.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &moderate)
	return nil
}

func (g *Gateway) prefixes() []netip.Prefix {
	var all []netip.Prefix
	for _, prefix := range []netip.Prefix{g.config.IPv4, g.config.IPv6} {
		if prefix.IsValid() {
			all = append(all, prefix)
		}
	}
	return all
}

func (g *Gateway) owns(address netip.Addr) bool {
	return address == g.config.IPv4.Addr() || address == g.config.IPv6.Addr() ||
		address == g.config.MAC.LinkLocal() || slices.Contains(g.config.Others, address)
}

// MAC is the gateway's, as the switch knows it.
func (g *Gateway) MAC() fabric.MAC { return g.config.MAC }

// Deliver takes a guest's frame.
func (g *Gateway) Deliver(_ *fabric.Port, data []byte) {
	if !g.echoes.take(data) {
		g.link.deliver(data)
	}
}

// Listen takes connections and datagrams of the guests at a port of the gateway's own address.
func (g *Gateway) Listen(at netip.AddrPort) (net.PacketConn, net.Listener, error) {
	address := fullAddress(at)
	packets, err := gonet.DialUDP(g.stack, &address, nil, networkProtocol(at.Addr()))
	if err != nil {
		return nil, nil, err
	}
	listener, err := gonet.ListenTCP(g.stack, address, networkProtocol(at.Addr()))
	if err != nil {
		_ = packets.Close()
		return nil, nil, err
	}
	return packets, listener, nil
}

// DialGuest connects to a guest from the gateway's own address.
func (g *Gateway) DialGuest(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	address := fullAddress(to)
	protocol := networkProtocol(to.Addr())
	switch network {
	case "tcp":
		return dialTCP(ctx, g.stack, address, protocol)
	case "udp":
		return dialUDP(g.stack, address, protocol)
	}
	return nil, errors.New("neither tcp nor udp")
}

// Close ends every connection that goes through the gateway.
func (g *Gateway) Close() {
	g.echoes.close()
	g.stack.Close()
}

func fullAddress(a netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFromSlice(a.Addr().AsSlice()), Port: a.Port()}
}

func networkProtocol(address netip.Addr) tcpip.NetworkProtocolNumber {
	if address.Is4() {
		return ipv4.ProtocolNumber
	}
	return ipv6.ProtocolNumber
}

func addrPort(address tcpip.Address, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(address.AsSlice())
	return netip.AddrPortFrom(a, port)
}
