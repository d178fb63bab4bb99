package bridge

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// makeBridge makes the bridge or finds it, without any port, and returns its index.
func makeBridge(config Config) (int, error) {
	link, err := find(config.Name)
	if err != nil {
		return 0, err
	}
	if link == nil {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = config.Name
		off := false // without a querier it would forget who listens
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attributes, MulticastSnooping: &off}); err != nil {
			return 0, err
		}
		if link, err = netlink.LinkByName(config.Name); err != nil {
			return 0, err
		}
	}
	if err := emptyBridge(link.Attrs().Index); err != nil {
		return 0, err
	}
	// Told, because a bridge takes these of its ports otherwise.
	if err := errors.Join(
		netlink.LinkSetHardwareAddr(link, config.MAC[:]), netlink.LinkSetMTU(link, int(config.MTU)),
	); err != nil {
		return 0, err
	}
	setting(config.Name, "accept_ra", "0")
	setting(config.Name, "autoconf", "0")
	for _, prefix := range config.prefixes() {
		if err := netlink.AddrReplace(link, addressOf(prefix)); err != nil {
			return 0, err
		}
	}
	return link.Attrs().Index, netlink.LinkSetUp(link)
}

func emptyBridge(index int) error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, each := range links {
		if each.Attrs().MasterIndex == index {
			if err := netlink.LinkSetNoMaster(each); err != nil {
				return err
			}
		}
	}
	return nil
}

// addressOf: nobody else has it, so nothing waits until that has been found out.
func addressOf(prefix netip.Prefix) *netlink.Addr {
	bits := prefix.Addr().BitLen()
	address := &netlink.Addr{IPNet: &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), bits)}}
	if prefix.Addr().Is6() {
		address.Flags = unix.IFA_F_NODAD
	}
	return address
}

// setting of IPv6; a host without IPv6 has none.
func setting(name, key, value string) {
	_ = os.WriteFile(filepath.Join("/proc/sys/net/ipv6/conf", name, key), []byte(value), 0)
}

// find returns nil if there is none of that name.
func find(name string) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	if _, missing := errors.AsType[netlink.LinkNotFoundError](err); missing {
		return nil, nil
	}
	return link, err
}

// plugIn makes a tap a port of the bridge. This host says nothing on it by itself.
func plugIn(tap string, mtu uint32, bridge int) error {
	link, err := netlink.LinkByName(tap)
	if err != nil {
		return err
	}
	setting(tap, "disable_ipv6", "1")
	if err := netlink.LinkSetMTU(link, int(mtu)); err != nil {
		return err
	}
	if err := netlink.LinkSetMasterByIndex(link, bridge); err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

func unplug(tap string) {
	if link, err := netlink.LinkByName(tap); err == nil {
		_ = netlink.LinkSetNoMaster(link)
	}
}

func removeLink(name string) error {
	link, err := find(name)
	if err != nil || link == nil {
		return err
	}
	return netlink.LinkDel(link)
}

// plugNow plugs a guest's tap in if it is there and is not yet. The lock is held.
func (b *Bridge) plugNow(tap string) {
	known := b.guests[tap]
	if known == nil || b.closed {
		return
	}
	link, err := find(tap)
	if err != nil || link == nil {
		known.plugged = false
		return
	}
	attributes := link.Attrs()
	if attributes.MasterIndex == b.index && attributes.Flags&net.FlagUp != 0 {
		known.plugged = true
		return
	}
	known.plugged = plugIn(tap, b.config.MTU, b.index) == nil
}

const (
	subscribeAgain = 100 * time.Millisecond
	// Interfaces of a busy host come and go; this much of it may wait.
	linkEvents = 256
)

// watchLinks plugs in what comes, and tells when the bridge is gone.
func (b *Bridge) watchLinks() error {
	events, err := b.subscribe()
	if err != nil {
		return err
	}
	go func() {
		for {
			b.followLinks(events)
			select {
			case <-b.done:
				return
			case <-time.After(subscribeAgain): // the kernel had more to say than fits: look at everything again
			}
			if again, err := b.subscribe(); err == nil {
				events = again
				b.lookAgain()
			}
		}
	}()
	return nil
}

func (b *Bridge) subscribe() (chan netlink.LinkUpdate, error) {
	events := make(chan netlink.LinkUpdate, linkEvents)
	// The events end with an error, and somebody must read it.
	return events, netlink.LinkSubscribeWithOptions(events, b.done, netlink.LinkSubscribeOptions{ErrorCallback: func(error) {}})
}

func (b *Bridge) followLinks(events <-chan netlink.LinkUpdate) {
	for event := range events {
		name := event.Link.Attrs().Name
		if name == b.config.Name && event.Header.Type == unix.RTM_DELLINK && int(event.Index) == b.index {
			b.losing.Do(func() { close(b.lost) })
		}
		b.mu.Lock()
		b.plugNow(name)
		b.mu.Unlock()
	}
}

func (b *Bridge) lookAgain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for tap := range b.guests {
		b.plugNow(tap)
	}
	if link, err := find(b.config.Name); err == nil && (link == nil || link.Attrs().Index != b.index) {
		b.losing.Do(func() { close(b.lost) })
	}
}

// deletedTable returns the name in a message that says that a table is gone.
func deletedTable(kind uint16, data []byte) (string, bool) {
	const generic = 4 // struct nfgenmsg
	if kind != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_DELTABLE || len(data) < generic {
		return "", false
	}
	for rest := data[generic:]; len(rest) >= unix.SizeofNlAttr; {
		length, kind := int(binary.NativeEndian.Uint16(rest)), binary.NativeEndian.Uint16(rest[2:])
		if length < unix.SizeofNlAttr || length > len(rest) {
			return "", false
		}
		if kind == unix.NFTA_TABLE_NAME {
			return unix.ByteSliceToString(rest[unix.SizeofNlAttr:length]), true
		}
		rest = rest[min((length+3)&^3, len(rest)):]
	}
	return "", false
}
