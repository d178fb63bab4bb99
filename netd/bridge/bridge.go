// Package bridge makes a network one of the kernel's: a bridge that the guests' taps are ports of, and rules of nftables
// that guard them. Frames between guests, and what guests send out, never leave the kernel. It needs root, and Linux.
//
//	guest ── tap ─┐                 ┌─ this host's routes, masqueraded
//	guest ── tap ─┤ bridge (gateway)┤
//	netd's tap  ──┘                 └─ published ports: sockets of the host, dialed by netd
//
// netd has a tap of its own on the bridge, with its user-space gateway behind it: names, leases, the host's loopback,
// the loopback of guests, and the way out of those that have rules of egress.
//
// Everything that the kernel holds for a network bears the bridge's name, which the engine derives from home and network:
// so what a crash leaves is found by it. A monitor makes its tap itself, and the kernel removes it when the monitor ends.
package bridge

import (
	"errors"
	"net/netip"
	"regexp"

	"ctr/netd/fabric"
)

// Broadcasts and multicasts of one guest, a second; as the switch in user space counts.
const groupRate = 1000

// ErrUnusable is a host, or a name, that there can be no bridge with.
var ErrUnusable = errors.New("cannot use a bridge")

// Config of a network's bridge.
type Config struct {
	// Name of the bridge, and of the tables.
	Name string
	// Tap is the name of netd's own.
	Tap string
	MAC fabric.MAC
	// IPv4 and IPv6 are the bridge's own addresses with the length of the network's prefix. One may be zero.
	IPv4, IPv6 netip.Prefix
	MTU        uint32
	// Forward: the kernel carries what guests send out.
	Forward bool
	// HostAccess: guests reach this host's own addresses.
	HostAccess bool
}

// Guest is who a tap belongs to.
type Guest struct {
	Tap      string
	Identity fabric.Identity
	// Kept from this host's own addresses.
	Kept bool
	// Closed: the kernel carries nothing of it out. Its way out is netd's gateway.
	Closed bool
}

// Dropped counts frames of a guest.
type Dropped struct{ Spoofed, Flooded uint64 }

// The names are parts of scripts, so they are what the engine makes and nothing else.
var (
	bridgeName = regexp.MustCompile(`^ctr[0-9a-z]{12}$`)
	tapName    = regexp.MustCompile(`^ct[pd][0-9a-z]{12}$`)
)

// Ours tells whether an interface is the bridge of a network of ctr, of any home.
func Ours(name string) bool { return bridgeName.MatchString(name) }
