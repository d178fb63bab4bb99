// Package netserve is what the guest serves on its network: names at 127.0.0.11, and the way for published ports to
// services that listen on the loopback alone.
package netserve

import (
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
)

// Served at once; more wait, and what they want may be asked for again.
const most = 256

// Start serves a container's networks. Without any there is nothing to serve.
func Start(network *guestpb.Network) error {
	if network == nil {
		return nil
	}
	var servers []netip.Addr
	for _, face := range network.Interfaces {
		known, err := addresses(face.NameServers)
		if err != nil {
			return err
		}
		if len(known) == 0 {
			continue
		}
		servers = append(servers, known[0]) // the others of the network say the same
		if err := serveLoopback(face.Addresses, known); err != nil {
			return err
		}
	}
	if len(servers) == 0 {
		return nil
	}
	err := serveNames(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 11}), 53), servers)
	if errors.Is(err, unix.EADDRINUSE) {
		return nil // a container that came before in this guest has asked for it
	}
	return err
}

func addresses(texts []string) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, text := range texts {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		all = append(all, address)
	}
	return all, nil
}

// slots bound what is served at once.
type slots chan struct{}

func (s slots) run(work func()) {
	s <- struct{}{}
	go func() {
		defer func() { <-s }()
		work()
	}()
}

// pause keeps a failure that stays, such as too many open files, from taking the processor.
func pause() { time.Sleep(10 * time.Millisecond) }
