// Package netcfg sets the guest's interfaces up from what the host says: nothing is asked for on
// the network, so nothing has to be waited for.
package netcfg

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
)

const classFolder = "/sys/class/net/"

// Loopback brings lo up; the kernel gives it its addresses.
func Loopback() error {
	l, err := openLink()
	if err != nil {
		return err
	}
	defer l.close()
	return l.setLink(1, unix.IFF_UP, nil) // lo is always the first interface
}

// Apply sets every interface up.
func Apply(network *guestpb.Network) error {
	if network == nil || len(network.Interfaces) == 0 {
		return nil
	}
	l, err := openLink()
	if err != nil {
		return err
	}
	defer l.close()
	for _, face := range network.Interfaces {
		if err := l.apply(face); err != nil {
			return fmt.Errorf("set up the interface %q: %w", face.Name, err)
		}
	}
	return nil
}

func (l *link) apply(face *guestpb.Interface) error {
	index, name, err := find(face.Mac)
	if err != nil {
		return err
	}
	if face.Name != "" && face.Name != name {
		if err := l.setLink(index, 0, attribute(nil, unix.IFLA_IFNAME, append([]byte(face.Name), 0))); err != nil {
			return fmt.Errorf("rename: %w", err)
		}
	}
	var attributes []byte
	if face.Mtu != 0 {
		attributes = attribute(attributes, unix.IFLA_MTU, number(face.Mtu))
	}
	if err := l.setLink(index, unix.IFF_UP, attributes); err != nil {
		return fmt.Errorf("bring up: %w", err)
	}
	for _, text := range face.Addresses {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return err
		}
		address := prefix.Addr()
		if err := l.addAddress(index, family(address), prefix.Bits(), address.AsSlice()); err != nil {
			return fmt.Errorf("add the address %s: %w", text, err)
		}
	}
	for _, text := range [...]string{face.Gateway4, face.Gateway6} {
		if text == "" {
			continue
		}
		gateway, err := netip.ParseAddr(text)
		if err != nil {
			return err
		}
		if err := l.addDefaultRoute(index, family(gateway), gateway.AsSlice()); err != nil {
			return fmt.Errorf("add the gateway %s: %w", text, err)
		}
	}
	return nil
}

func family(address netip.Addr) int {
	if address.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func find(mac string) (index int, name string, err error) {
	entries, err := os.ReadDir(classFolder)
	if err != nil {
		return 0, "", err
	}
	for _, entry := range entries {
		address, err := os.ReadFile(classFolder + entry.Name() + "/address")
		if err != nil || !strings.EqualFold(strings.TrimSpace(string(address)), mac) {
			continue
		}
		text, err := os.ReadFile(classFolder + entry.Name() + "/ifindex")
		if err != nil {
			return 0, "", err
		}
		index, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return index, entry.Name(), err
	}
	return 0, "", fmt.Errorf("the VM has no device with the address %s", mac)
}

// Counters sums what the guest's interfaces received and sent, lo left out.
func Counters() (received, sent uint64) {
	entries, _ := os.ReadDir(classFolder)
	for _, entry := range entries {
		if entry.Name() == "lo" {
			continue
		}
		received += counter(entry.Name(), "rx_bytes")
		sent += counter(entry.Name(), "tx_bytes")
	}
	return received, sent
}

func counter(name, which string) uint64 {
	text, _ := os.ReadFile(classFolder + name + "/statistics/" + which)
	n, _ := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n
}
