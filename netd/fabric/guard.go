package fabric

import (
	"encoding/binary"
	"net/netip"

	"ctr/netd/frame"
)

// MAC is an Ethernet address.
type MAC [6]byte

var broadcast = MAC{255, 255, 255, 255, 255, 255}

func (m MAC) multicast() bool { return m[0]&1 != 0 }

// LinkLocal is the IPv6 address that a Linux guest gives an interface of that MAC (RFC 4291, appendix A).
func (m MAC) LinkLocal() netip.Addr {
	return netip.AddrFrom16([16]byte{
		0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5],
	})
}

// Identity is who a guest is on the wire: what it sends as anybody else is dropped.
type Identity struct {
	MAC MAC
	// Addresses of the guest, its link-local one left out.
	Addresses []netip.Addr
}

func (i *Identity) owns(address netip.Addr) bool {
	if address.Is6() && address == i.MAC.LinkLocal() {
		return true
	}
	for _, own := range i.Addresses {
		if own == address {
			return true
		}
	}
	return false
}

// Verdict is why a frame is dropped.
type Verdict int

const (
	// Passed frames go on.
	Passed Verdict = iota
	// Malformed frames are shorter than they say, or not of a kind that guests have to send.
	Malformed
	// Spoofed frames speak for somebody else: another MAC, another address, a router, a DHCP server.
	Spoofed
)

const (
	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeIPv6 = 0x86dd

	protocolUDP    = 17
	protocolICMPv6 = 58
)

// Check tells whether the guest may send the frame. It reads headers and allocates nothing.
func (i *Identity) Check(data []byte) Verdict {
	if len(data) < frame.HeaderBytes || len(data) > frame.MaxBytes {
		return Malformed
	}
	if MAC(data[6:12]) != i.MAC {
		return Spoofed
	}
	payload := data[frame.HeaderBytes:]
	switch binary.BigEndian.Uint16(data[12:14]) {
	case typeARP:
		return i.checkARP(payload)
	case typeIPv4:
		return i.checkIPv4(payload)
	case typeIPv6:
		return i.checkIPv6(payload)
	}
	return Malformed
}

// ARP for IPv4 over Ethernet (RFC 826). A probe for an address of one's own has no sender yet (RFC 5227).
func (i *Identity) checkARP(p []byte) Verdict {
	const ethernetIPv4 = "\x00\x01\x08\x00\x06\x04"
	if len(p) < 28 || string(p[:6]) != ethernetIPv4 {
		return Malformed
	}
	sender := netip.AddrFrom4([4]byte(p[14:18]))
	if MAC(p[8:14]) != i.MAC || !(i.owns(sender) || sender.IsUnspecified()) {
		return Spoofed
	}
	return Passed
}

func (i *Identity) checkIPv4(p []byte) Verdict {
	if len(p) < 20 || p[0]>>4 != 4 {
		return Malformed
	}
	header, total := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:4]))
	if header < 20 || total < header || total > len(p) {
		return Malformed
	}
	source := netip.AddrFrom4([4]byte(p[12:16]))
	first := binary.BigEndian.Uint16(p[6:8])&0x1fff == 0
	udp := p[9] == protocolUDP && first && total >= header+8
	asks := udp && binary.BigEndian.Uint16(p[header:]) == 68 && binary.BigEndian.Uint16(p[header+2:]) == 67
	if !i.owns(source) && !(source.IsUnspecified() && asks) { // it may ask by DHCP which address it has
		return Spoofed
	}
	if udp && binary.BigEndian.Uint16(p[header:]) == 67 {
		return Spoofed // a DHCP server
	}
	return Passed
}

func (i *Identity) checkIPv6(p []byte) Verdict {
	const header = 40
	if len(p) < header || p[0]>>4 != 6 || int(binary.BigEndian.Uint16(p[4:6])) > len(p)-header {
		return Malformed
	}
	source := netip.AddrFrom16([16]byte(p[8:24]))
	next, body, ok := skipExtensions(p[6], p[header:header+int(binary.BigEndian.Uint16(p[4:6]))])
	if !ok {
		return Malformed
	}
	if source.IsUnspecified() { // while an address is being checked for duplicates (RFC 4862, 5.4)
		if next == protocolICMPv6 && len(body) > 0 && (body[0] == 135 || body[0] == 143 || body[0] == 133) {
			return Passed
		}
		return Spoofed
	}
	if !i.owns(source) {
		return Spoofed
	}
	switch {
	case next == protocolICMPv6:
		return i.checkICMPv6(body)
	case next == protocolUDP && len(body) >= 8 && binary.BigEndian.Uint16(body) == 547:
		return Spoofed // a DHCPv6 server
	}
	return Passed
}

// Neighbor Discovery (RFC 4861): a guest is no router, and speaks for its own addresses alone.
func (i *Identity) checkICMPv6(p []byte) Verdict {
	if len(p) < 4 {
		return Malformed
	}
	switch p[0] {
	case 134, 137: // router advertisement, redirect
		return Spoofed
	case 136: // neighbor advertisement
		if len(p) < 24 {
			return Malformed
		}
		if !i.owns(netip.AddrFrom16([16]byte(p[8:24]))) {
			return Spoofed
		}
	}
	return Passed
}

// skipExtensions finds what an IPv6 packet carries behind its extension headers (RFC 8200, 4). Fragments but the first
// carry nothing that could be looked at: they are told apart by a next header of 59 ("none").
func skipExtensions(next byte, p []byte) (byte, []byte, bool) {
	for range 8 {
		switch next {
		case 0, 43, 60: // hop-by-hop, routing, destination options
			if len(p) < 8 || len(p) < (int(p[1])+1)*8 {
				return 0, nil, false
			}
			next, p = p[0], p[(int(p[1])+1)*8:]
		case 44: // fragment
			if len(p) < 8 {
				return 0, nil, false
			}
			if binary.BigEndian.Uint16(p[2:4])>>3 != 0 {
				return 59, nil, true
			}
			next, p = p[0], p[8:]
		default:
			return next, p, true
		}
	}
	return 0, nil, false
}
