package gateway

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"ctr/netd/fabric"
	"ctr/netd/frame"
)

const (
	echoTimeout = 30 * time.Second
	// Echoes of all guests that wait for their answers.
	maxEchoes = 1024

	echoRequest4, echoReply4 = 8, 0
	echoRequest6, echoReply6 = 128, 129
)

// echoes asks the host to ping for the guests. The stack would answer every echo itself, for whoever it was meant: so
// they are taken out before it sees them.
type echoes struct {
	gateway *Gateway
	mu      sync.Mutex
	waiting int
	closed  chan struct{}
}

func newEchoes(g *Gateway) *echoes { return &echoes{gateway: g, closed: make(chan struct{})} }

func (e *echoes) close() { close(e.closed) }

// echo is a guest's question: the parts of it that come back.
type echo struct {
	from, to netip.Addr
	guest    fabric.MAC
	body     []byte // identifier, sequence number, data
}

// take returns true if the frame is an echo request for somebody outside, and sees to its answer.
func (e *echoes) take(data []byte) bool {
	question, ok := readEcho(data)
	if !ok || e.gateway.owns(question.to) || !question.to.IsGlobalUnicast() {
		return false
	}
	if !e.gateway.outside.MayPing(question.from, question.to) {
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting < maxEchoes {
		e.waiting++
		go func() {
			e.ask(question)
			e.mu.Lock()
			e.waiting--
			e.mu.Unlock()
		}()
	}
	return true
}

func readEcho(data []byte) (echo, bool) {
	p := data[frame.HeaderBytes:]
	q := echo{guest: fabric.MAC(data[6:12])}
	switch fabric.EtherType(data) {
	case 0x0800:
		header := int(p[0]&15) * 4
		total := int(binary.BigEndian.Uint16(p[2:4]))
		whole := binary.BigEndian.Uint16(p[6:8])&0x3fff == 0 // a fragment is not
		if p[9] != 1 || !whole || total < header+8 || p[header] != echoRequest4 {
			return q, false
		}
		q.from, q.to = netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))
		q.body = append([]byte(nil), p[header+4:total]...)
	case 0x86dd:
		total := 40 + int(binary.BigEndian.Uint16(p[4:6]))
		if p[6] != 58 || total < 48 || total > len(p) || p[40] != echoRequest6 {
			return q, false
		}
		q.from, q.to = netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40]))
		q.body = append([]byte(nil), p[44:total]...)
	default:
		return q, false
	}
	return q, true
}

// ask pings by a socket for echoes (`net.ipv4.ping_group_range`) or, where that is closed, a raw one. Where both are,
// nothing comes back, as behind a firewall.
func (e *echoes) ask(q echo) {
	network, raw, protocol, kind := "udp4", "ip4:icmp", 1, icmp.Type(ipv4.ICMPTypeEcho)
	if q.to.Is6() {
		network, raw, protocol, kind = "udp6", "ip6:ipv6-icmp", 58, ipv6.ICMPTypeEchoRequest
	}
	var target net.Addr = &net.UDPAddr{IP: q.to.AsSlice()}
	conn, err := icmp.ListenPacket(network, "")
	if err != nil {
		if conn, err = icmp.ListenPacket(raw, ""); err != nil {
			return
		}
		target = &net.IPAddr{IP: q.to.AsSlice()}
	}
	defer func() { _ = conn.Close() }()
	sequence := int(binary.BigEndian.Uint16(q.body[2:4]))
	identifier := int(binary.BigEndian.Uint16(q.body[0:2]))
	message := icmp.Message{Type: kind, Body: &icmp.Echo{ID: identifier, Seq: sequence, Data: q.body[4:]}}
	packet, err := message.Marshal(nil)
	if err != nil {
		return
	}
	if _, err := conn.WriteTo(packet, target); err != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(echoTimeout))
	buffer := make([]byte, datagramMax)
	for {
		n, _, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		answer, err := icmp.ParseMessage(protocol, buffer[:n])
		if err != nil {
			continue
		}
		body, ok := answer.Body.(*icmp.Echo)
		isReply := answer.Type == ipv4.ICMPTypeEchoReply || answer.Type == ipv6.ICMPTypeEchoReply
		// The kernel has given an echo socket an identifier of its own, and a raw socket sees everybody's.
		if ok && isReply && body.Seq == sequence && string(body.Data) == string(q.body[4:]) {
			e.gateway.link.fabric.Send(q.reply(e.gateway.config.MAC))
			return
		}
	}
}

// reply is the frame that the guest expects.
func (q *echo) reply(mac fabric.MAC) []byte {
	kind, etherType := byte(echoReply4), uint16(0x0800)
	if q.to.Is6() {
		kind, etherType = echoReply6, 0x86dd
	}
	data := append(append([]byte(nil), q.guest[:]...), mac[:]...)
	data = binary.BigEndian.AppendUint16(data, etherType)
	message := append([]byte{kind, 0, 0, 0}, q.body...)
	if q.to.Is4() {
		head := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0}
		binary.BigEndian.PutUint16(head[2:], uint16(20+len(message)))
		head = append(append(head, q.to.AsSlice()...), q.from.AsSlice()...)
		binary.BigEndian.PutUint16(head[10:], ^checksum.Checksum(head, 0))
		binary.BigEndian.PutUint16(message[2:], ^checksum.Checksum(message, 0))
		return append(append(data, head...), message...)
	}
	head := []byte{0x60, 0, 0, 0, 0, 0, 58, 64}
	binary.BigEndian.PutUint16(head[4:], uint16(len(message)))
	head = append(append(head, q.to.AsSlice()...), q.from.AsSlice()...)
	sum := checksum.Checksum(head[8:], 0)
	sum = checksum.Combine(sum, checksum.Checksum([]byte{0, 0, byte(len(message) >> 8), byte(len(message)), 0, 0, 0, 58}, 0))
	binary.BigEndian.PutUint16(message[2:], ^checksum.Checksum(message, sum))
	return append(append(data, head...), message...)
}
