package network

import (
	"net/netip"

	"ctr/netd/dhcp"
	"ctr/netd/fabric"
)

// leases stands in front of the gateway and answers guests that ask for their address.
type leases struct {
	fabric.Gateway
	network *Network
	server  dhcp.Server
}

func (l leases) Deliver(from *fabric.Port, data []byte) {
	if !dhcp.Asks(data) {
		l.Gateway.Deliver(from, data)
		return
	}
	if answer := l.server.Answer(data, l.network.leaseOf); answer != nil {
		l.network.fabric.Send(answer)
	}
}

// leaseOf tells what the engine has told: nothing is given away here.
func (n *Network) leaseOf(mac fabric.MAC) (dhcp.Lease, bool) {
	port := n.fabric.Owner(mac)
	if port == nil {
		return dhcp.Lease{}, false
	}
	n.mu.Lock()
	w := n.wires[port.ID]
	n.mu.Unlock()
	if w == nil {
		return dhcp.Lease{}, false
	}
	lease := dhcp.Lease{Router: n.own4.Addr()}
	if given, err := netip.ParseAddr(w.config.Gateway4); err == nil {
		lease.Router = given
	}
	if len(w.config.Names) > 0 {
		lease.Name = w.config.Names[0]
	}
	for _, address := range port.Identity.Addresses {
		if address.Is4() {
			lease.Address = address
			return lease, true
		}
	}
	return lease, false
}
