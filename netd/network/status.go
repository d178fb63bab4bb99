package network

import (
	"slices"
	"strings"

	"ctr/netd/bridge"
	"ctr/netd/policy"
)

// Status of a network: what the engine needs to adopt it, and what people want to see.
type Status struct {
	Config    Config       `json:"config"`
	Ports     []PortStatus `json:"ports"`
	Published []Published  `json:"published"`
	Denials   []Denial     `json:"denials"`
}

// PortStatus is a port and what has passed it.
type PortStatus struct {
	Port
	Connected     bool   `json:"connected"`
	ReceivedBytes uint64 `json:"receivedBytes"` // from the guest
	SentBytes     uint64 `json:"sentBytes"`
	Malformed     uint64 `json:"malformed"`
	Spoofed       uint64 `json:"spoofed"`
	Flooded       uint64 `json:"flooded"`
	Overrun       uint64 `json:"overrun"`
}

// Denial is what an egress rule has refused.
type Denial struct {
	Guest   string `json:"guest"`
	Network string `json:"network"`
	To      string `json:"to"`
	Count   uint64 `json:"count"`
	LastMs  int64  `json:"lastMs"` // Unix time
}

// Told is a denial for the protocol.
func Told(d policy.Denial) Denial {
	return Denial{Guest: d.Guest.String(), Network: d.Network, To: d.To, Count: d.Count, LastMs: d.Last.UnixMilli()}
}

// Status tells all of it, in a fixed order.
func (n *Network) Status() Status {
	status := Status{Config: n.Config, Ports: []PortStatus{}, Published: []Published{}, Denials: []Denial{}}
	var dropped map[string]bridge.Dropped
	if n.bridge != nil {
		dropped = n.bridge.Dropped()
	}
	n.mu.Lock()
	for _, w := range n.wires {
		c := &w.port.Counters
		byKernel := dropped[w.config.Tap]
		status.Ports = append(status.Ports, PortStatus{
			Port: w.config, Connected: w.connected.Load() || n.bridge != nil && n.bridge.Plugged(w.config.Tap),
			ReceivedBytes: c.ReceivedBytes.Load(), SentBytes: c.SentBytes.Load(), Malformed: c.Malformed.Load(),
			Spoofed: c.Spoofed.Load() + byKernel.Spoofed, Flooded: c.Flooded.Load() + byKernel.Flooded, Overrun: c.Overrun.Load(),
		})
	}
	n.mu.Unlock()
	for id, port := range n.publisher.List() {
		status.Published = append(status.Published, Published{
			ID: id, Network: port.Network, Host: port.Host.String(), Guest: port.Guest.String(), ProxyProtocol: port.ProxyProtocol,
		})
	}
	for _, each := range n.policy.Denials() {
		status.Denials = append(status.Denials, Told(each))
	}
	slices.SortFunc(status.Ports, func(a, b PortStatus) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(status.Published, func(a, b Published) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(status.Denials, func(a, b Denial) int {
		return strings.Compare(a.Guest+a.Network+a.To, b.Guest+b.Network+b.To)
	})
	return status
}
