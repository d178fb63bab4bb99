package gateway

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"ctr/netd/fabric"
	"ctr/netd/frame"
)

// link is the stack's end of its wire to the switch.
type link struct {
	mac        fabric.MAC
	mtu        uint32
	fabric     *fabric.Fabric
	own        func(netip.Addr) bool
	dispatcher stack.NetworkDispatcher
}

var _ stack.LinkEndpoint = (*link)(nil)

func (l *link) MTU() uint32                               { return l.mtu }
func (l *link) SetMTU(mtu uint32)                         { l.mtu = mtu }
func (l *link) MaxHeaderLength() uint16                   { return 0 }
func (l *link) LinkAddress() tcpip.LinkAddress            { return tcpip.LinkAddress(l.mac[:]) }
func (l *link) SetLinkAddress(tcpip.LinkAddress)          {}
func (l *link) Attach(dispatcher stack.NetworkDispatcher) { l.dispatcher = dispatcher }
func (l *link) IsAttached() bool                          { return l.dispatcher != nil }
func (l *link) Wait()                                     {}
func (l *link) Close()                                    {}
func (l *link) SetOnCloseAction(func())                   {}
func (l *link) ARPHardwareType() header.ARPHardwareType   { return header.ARPHardwareEther }
func (l *link) AddHeader(*stack.PacketBuffer)             {}
func (l *link) ParseHeader(*stack.PacketBuffer) bool      { return true }

// Capabilities: the way to here is memory of this machine, so sums are not checked again.
func (l *link) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityResolutionRequired | stack.CapabilityRXChecksumOffload
}

// deliver hands a frame of a guest to the stack, which keeps a copy.
func (l *link) deliver(data []byte) {
	payload := buffer.NewViewSize(len(data) - frame.HeaderBytes) // of a pool
	copy(payload.AsSlice(), data[frame.HeaderBytes:])
	packet := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithView(payload)})
	l.dispatcher.DeliverNetworkPacket(tcpip.NetworkProtocolNumber(fabric.EtherType(data)), packet)
	packet.DecRef()
}

// WritePackets sends what the stack says to the guests.
func (l *link) WritePackets(packets stack.PacketBufferList) (int, tcpip.Error) {
	for _, packet := range packets.AsSlice() {
		if !l.mayAnswer(packet) {
			continue
		}
		head := make([]byte, 0, frame.HeaderBytes)
		head = append(head, packet.EgressRoute.RemoteLinkAddress...)
		head = append(head, l.mac[:]...)
		head = binary.BigEndian.AppendUint16(head, uint16(packet.NetworkProtocolNumber))
		l.fabric.Send(append([][]byte{head}, packet.AsSlices()...)...)
	}
	return packets.Len(), nil
}

// mayAnswer is false for an answer to a question about somebody else's address. A stack that takes packets for
// everybody believes that it has every address, and would say so.
func (l *link) mayAnswer(packet *stack.PacketBuffer) bool {
	switch packet.NetworkProtocolNumber {
	case header.ARPProtocolNumber:
		arp := header.ARP(flat(packet))
		return !arp.IsValid() || arp.Op() != header.ARPReply ||
			l.own(netip.AddrFrom4([4]byte(arp.ProtocolAddressSender())))
	case header.IPv6ProtocolNumber:
		const advertisement, target = header.IPv6MinimumSize, header.IPv6MinimumSize + 8
		if ip := packet.NetworkHeader().Slice(); len(ip) > 6 && ip[6] != uint8(header.ICMPv6ProtocolNumber) {
			return true
		}
		payload := flat(packet)
		return len(payload) < target+16 || payload[6] != uint8(header.ICMPv6ProtocolNumber) ||
			header.ICMPv6Type(payload[advertisement]) != header.ICMPv6NeighborAdvert ||
			l.own(netip.AddrFrom16([16]byte(payload[target:target+16])))
	}
	return true
}

func flat(packet *stack.PacketBuffer) []byte { return slices.Concat(packet.AsSlices()...) }
