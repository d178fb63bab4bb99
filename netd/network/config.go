package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"ctr/netd/fabric"
	"ctr/netd/policy"
)

// Config of a network, as the engine writes it. Sizes are bytes.
type Config struct {
	Name string `json:"name"`
	// MAC of the gateway.
	MAC string `json:"mac"`
	// IPv4 and IPv6 are the gateway's addresses with the length of the prefix. One may be missing.
	IPv4 string `json:"ipv4,omitempty"`
	IPv6 string `json:"ipv6,omitempty"`
	MTU  uint32 `json:"mtu"`
	// Internal networks lead nowhere.
	Internal bool `json:"internal,omitempty"`
	// Host is by which addresses guests reach the host's loopback. Without any there is no way to the host.
	Host []string `json:"host,omitempty"`
	// ResolvConf names the file that names the host's name servers.
	ResolvConf string `json:"resolvConf"`
	Egress     *Rules `json:"egress,omitempty"`
	// Bridge: guests are plugged into one of the kernel's, and IPv4 and IPv6 are those of netd's own gateway beside it.
	Bridge *Bridge `json:"bridge,omitempty"`
}

// Bridge of the kernel. See package bridge.
type Bridge struct {
	Name string `json:"name"`
	Tap  string `json:"tap"`
	MAC  string `json:"mac"`
	IPv4 string `json:"ipv4,omitempty"`
	IPv6 string `json:"ipv6,omitempty"`
}

// Rules of egress.
type Rules struct {
	// Default is "allow" or "deny".
	Default string  `json:"default"`
	Allow   []Allow `json:"allow,omitempty"`
}

// Allow is an exception: a name ("a.test", "*.a.test") or a range of addresses, and a port or 0 for all.
type Allow struct {
	Name  string `json:"name,omitempty"`
	Range string `json:"range,omitempty"`
	Port  uint16 `json:"port,omitempty"`
}

// Port is a guest's place at the switch.
type Port struct {
	ID        string   `json:"id"`
	MAC       string   `json:"mac"`
	Addresses []string `json:"addresses"`
	// Socket that the guest's monitor listens at. It is connected to again whenever it was lost.
	Socket string `json:"socket"`
	// Tap is what the monitor makes instead, where the network is a bridge.
	Tap string `json:"tap,omitempty"`
	// Datagram: who connects to the socket is handed a datagram socket, on which a datagram is a frame; otherwise the
	// connection is a stream of frames behind their lengths.
	Datagram bool     `json:"datagram,omitempty"`
	Names    []string `json:"names,omitempty"`
	// Gateway4 is what a guest that asks is told as its way out; empty: this network's own.
	Gateway4 string `json:"gateway4,omitempty"`
	Egress   *Rules `json:"egress,omitempty"`
	// NoHostAccess keeps it from this machine where its network does not.
	NoHostAccess bool `json:"noHostAccess,omitempty"`
}

// Published is a port of the host that leads to one of a guest.
type Published struct {
	ID            string `json:"id"`
	Network       string `json:"network"` // tcp, udp
	Host          string `json:"host"`    // address:port
	Guest         string `json:"guest"`
	ProxyProtocol bool   `json:"proxyProtocol,omitempty"`
}

const (
	leastMTU = 1280 // of IPv6 (RFC 8200, 5)
	mostMTU  = 65535
)

// ErrConfig is a value that cannot be.
var ErrConfig = errors.New("the configuration is wrong")

func parseMAC(text string) (fabric.MAC, error) {
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 {
		return fabric.MAC{}, fmt.Errorf("%w: %q is no MAC address", ErrConfig, text)
	}
	return fabric.MAC(mac), nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if text == "" {
		return netip.Prefix{}, nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return prefix, nil
}

func parseAddresses(texts []string) ([]netip.Addr, error) {
	addresses := make([]netip.Addr, 0, len(texts))
	for _, text := range texts {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		addresses = append(addresses, address.Unmap())
	}
	return addresses, nil
}

func parseRules(rules *Rules) (*policy.Rules, error) {
	if rules == nil {
		return nil, nil
	}
	if rules.Default != "allow" && rules.Default != "deny" {
		return nil, fmt.Errorf("%w: egress is neither allow nor deny: %q", ErrConfig, rules.Default)
	}
	parsed := &policy.Rules{Deny: rules.Default == "deny"}
	for _, each := range rules.Allow {
		exception := policy.Exception{Name: policy.Fold(each.Name), Port: each.Port}
		if (each.Name == "") == (each.Range == "") {
			return nil, fmt.Errorf("%w: an exception has a name or a range", ErrConfig)
		}
		if each.Range != "" {
			prefix, err := netip.ParsePrefix(each.Range)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrConfig, err)
			}
			exception.Range = prefix.Masked()
		}
		parsed.Exceptions = append(parsed.Exceptions, exception)
	}
	return parsed, nil
}
