// Package dhcp tells guests their addresses of IPv4 when they ask (RFC 2131): those that the engine has given them, by
// MAC. Nothing is kept here, so an answer is the same whenever it is asked for. Frames come in and go out as bytes.
package dhcp

import (
	"encoding/binary"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"ctr/netd/fabric"
	"ctr/netd/frame"
)

const (
	serverPort, clientPort = 67, 68

	// Asked for again at half of it. An address is a guest's as long as its network's process knows the guest.
	leaseTime = 24 * time.Hour

	request, reply = 1, 2 // RFC 2131, 2: op

	discover, offer, wants, decline, ack, nak, release, inform = 1, 2, 3, 4, 5, 6, 7, 8

	optionMask, optionRouter, optionServers, optionName      = 1, 3, 6, 12
	optionMTU, optionAddress, optionLease, optionKind        = 26, 50, 51, 53
	optionServer, optionDomain, optionPad, optionEnd    byte = 54, 15, 0, 255

	// The fixed part of a message, with the cookie that says that options follow.
	fixedBytes = 240
	cookie     = 0x63825363
	// Some clients take no message that is shorter (RFC 1542, 2.1).
	leastBytes = 300

	headerBytes = frame.HeaderBytes + 20 + 8
	typeIPv4    = 0x0800
	protocolUDP = 17
	broadcastTo = 0x8000 // flag
)

// Server is the network's gateway.
type Server struct {
	MAC     fabric.MAC
	Address netip.Prefix
	MTU     uint16
}

// Lease of a guest.
type Lease struct {
	Address netip.Addr
	// Router is its way out.
	Router netip.Addr
	// Name of the guest; may be empty.
	Name string
}

// question is what a guest wants.
type question struct {
	message []byte // from op to the options
	kind    byte
	mac     fabric.MAC
	current netip.Addr // the client's own, which it uses already
	asked   netip.Addr // option 50
	server  netip.Addr // option 54
}

// Asks tells whether a frame is for a DHCP server, so for nobody else.
func Asks(data []byte) bool {
	if len(data) < headerBytes || fabric.EtherType(data) != typeIPv4 {
		return false
	}
	ip := data[frame.HeaderBytes:]
	header := int(ip[0]&15) * 4
	whole := binary.BigEndian.Uint16(ip[6:8])&0x3fff == 0
	return ip[0]>>4 == 4 && header >= 20 && ip[9] == protocolUDP && whole && len(ip) >= header+8 &&
		binary.BigEndian.Uint16(ip[header:]) == clientPort && binary.BigEndian.Uint16(ip[header+2:]) == serverPort
}

// Answer returns the frame that answers a frame that Asks, or nil: some questions have no answer.
func (s Server) Answer(data []byte, find func(fabric.MAC) (Lease, bool)) []byte {
	if !Asks(data) {
		return nil
	}
	ip := data[frame.HeaderBytes:]
	q, ok := read(ip[int(ip[0]&15)*4+8:])
	if !ok || q.mac != fabric.MAC(data[6:12]) {
		return nil // nobody asks for another
	}
	lease, ok := find(q.mac)
	if !ok || !lease.Address.Is4() {
		return nil
	}
	switch q.kind {
	case discover:
		return s.frame(q, lease, offer)
	case inform:
		return s.frame(q, lease, ack)
	case wants:
		if q.server.IsValid() && q.server != s.Address.Addr() {
			return nil // it has chosen another server
		}
		if (q.asked.IsValid() && q.asked != lease.Address) || (!q.current.IsUnspecified() && q.current != lease.Address) {
			return s.frame(q, lease, nak)
		}
		return s.frame(q, lease, ack)
	}
	return nil
}

func read(p []byte) (question, bool) {
	if len(p) < fixedBytes || p[0] != request || p[1] != 1 || p[2] != 6 || binary.BigEndian.Uint32(p[236:240]) != cookie {
		return question{}, false
	}
	q := question{message: p, mac: fabric.MAC(p[28:34]), current: netip.AddrFrom4([4]byte(p[12:16]))}
	for options := p[fixedBytes:]; len(options) > 0 && options[0] != optionEnd; {
		if options[0] == optionPad {
			options = options[1:]
			continue
		}
		if len(options) < 2 || len(options) < 2+int(options[1]) {
			return q, false
		}
		value := options[2 : 2+int(options[1])]
		switch {
		case options[0] == optionKind && len(value) == 1:
			q.kind = value[0]
		case options[0] == optionAddress && len(value) == 4:
			q.asked = netip.AddrFrom4([4]byte(value))
		case options[0] == optionServer && len(value) == 4:
			q.server = netip.AddrFrom4([4]byte(value))
		}
		options = options[2+int(options[1]):]
	}
	return q, q.kind != 0
}

func (s Server) frame(q question, lease Lease, kind byte) []byte {
	message := s.message(q, lease, kind)
	to := lease.Address
	if kind == nak || binary.BigEndian.Uint16(q.message[10:12])&broadcastTo != 0 {
		to = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	}
	data := make([]byte, 0, headerBytes+len(message))
	data = append(data, q.mac[:]...)
	data = append(data, s.MAC[:]...)
	data = binary.BigEndian.AppendUint16(data, typeIPv4)
	head := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocolUDP, 0, 0}
	binary.BigEndian.PutUint16(head[2:], uint16(20+8+len(message)))
	head = append(append(head, s.Address.Addr().AsSlice()...), to.AsSlice()...)
	binary.BigEndian.PutUint16(head[10:], ^checksum.Checksum(head, 0))
	udp := binary.BigEndian.AppendUint16(nil, serverPort)
	udp = binary.BigEndian.AppendUint16(udp, clientPort)
	udp = binary.BigEndian.AppendUint16(udp, uint16(8+len(message)))
	udp = append(udp, 0, 0) // without a sum (RFC 768): the way is memory of this machine
	return append(append(append(data, head...), udp...), message...)
}

func (s Server) message(q question, lease Lease, kind byte) []byte {
	m := make([]byte, fixedBytes, leastBytes)
	copy(m, q.message[:fixedBytes])
	m[0], m[3] = reply, 0
	copy(m[8:10], []byte{0, 0})
	clear(m[12:28])  // ciaddr, yiaddr, siaddr, giaddr
	clear(m[44:236]) // names that servers of files have
	server := s.Address.Addr().AsSlice()
	m = append(m, optionKind, 1, kind, optionServer, 4)
	m = append(m, server...)
	if kind != nak {
		if q.kind == wants || q.kind == inform {
			copy(m[12:16], q.message[12:16])
		}
		if q.kind != inform { // it has an address that it does not ask for
			copy(m[16:20], lease.Address.AsSlice())
			m = binary.BigEndian.AppendUint32(append(m, optionLease, 4), uint32(leaseTime/time.Second))
		}
		mask := ^uint32(0) << (32 - s.Address.Bits())
		m = binary.BigEndian.AppendUint32(append(m, optionMask, 4), mask)
		m = append(append(m, optionRouter, 4), lease.Router.AsSlice()...)
		m = append(append(m, optionServers, 4), server...)
		m = binary.BigEndian.AppendUint16(append(m, optionMTU, 2), s.MTU)
		if name := lease.Name; name != "" && len(name) <= 63 {
			m = append(append(m, optionName, byte(len(name))), name...)
		}
	}
	m = append(m, optionEnd)
	if len(m) < leastBytes {
		m = m[:leastBytes]
	}
	return m
}
