package names

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

const (
	// A peer that stops is forgotten by its peers at once.
	peerTTL = 0
	// What a client without EDNS takes by UDP (RFC 1035, 4.2.1).
	plainBytes = 512
	// What is sent by UDP at most, whatever the client says it takes: fragments get lost.
	udpBytes = 4096
)

// Upstream answers what the table does not know.
type Upstream interface {
	Exchange(ctx context.Context, question *dns.Msg, tcp bool) (*dns.Msg, error)
}

// Policy says which names outside a guest may ask for, and is told of the answers.
type Policy interface {
	MayAsk(guest netip.Addr, name string) bool
	Learn(guest netip.Addr, name string, addresses []netip.Addr, ttl time.Duration)
}

// Server answers on the gateway's address.
type Server struct {
	table    *Table
	upstream Upstream
	policy   Policy
	// Deadline of a question that goes upstream.
	Timeout time.Duration
}

// NewServer returns a server that asks upstream for what the table does not know.
func NewServer(table *Table, upstream Upstream, policy Policy) *Server {
	return &Server{table: table, upstream: upstream, policy: policy, Timeout: 10 * time.Second}
}

// Serve answers on both sockets until they are closed.
func (s *Server) Serve(packets net.PacketConn, listener net.Listener) error {
	ended := make(chan error, 2)
	for _, server := range []*dns.Server{
		{PacketConn: packets, Handler: s, UDPSize: dns.MaxMsgSize},
		{Listener: listener, Handler: s, ReadTimeout: 10 * time.Second},
	} {
		go func() { ended <- server.ActivateAndServe() }()
	}
	err := <-ended
	_ = packets.Close()
	_ = listener.Close()
	<-ended
	return err
}

// ServeDNS answers one message.
func (s *Server) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	guest := addressOf(w.RemoteAddr())
	answer := s.answer(guest, question, tcp)
	if !tcp {
		limit := plainBytes
		if options := question.IsEdns0(); options != nil {
			limit = min(max(int(options.UDPSize()), plainBytes), udpBytes)
		}
		answer.Truncate(limit)
	}
	_ = w.WriteMsg(answer)
}

func (s *Server) answer(guest netip.Addr, question *dns.Msg, tcp bool) *dns.Msg {
	if question.Opcode != dns.OpcodeQuery || len(question.Question) != 1 {
		return failure(question, dns.RcodeNotImplemented)
	}
	asked := question.Question[0]
	if asked.Qclass == dns.ClassINET {
		if answer := s.own(question, asked); answer != nil {
			return answer
		}
	}
	if !s.policy.MayAsk(guest, fold(asked.Name)) {
		return failure(question, dns.RcodeRefused)
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
	defer cancel()
	answer, err := s.upstream.Exchange(ctx, question, tcp)
	if err != nil {
		return failure(question, dns.RcodeServerFailure)
	}
	answer.Id = question.Id
	s.learn(guest, asked.Name, answer)
	return answer
}

// own answers for the network's names, nil if it is not one.
func (s *Server) own(question *dns.Msg, asked dns.Question) *dns.Msg {
	if asked.Qtype == dns.TypePTR {
		return s.reverse(question, asked)
	}
	addresses, known := s.table.Addresses(asked.Name)
	if !known {
		return nil
	}
	answer := reply(question)
	for _, at := range rand.Perm(len(addresses)) { // replicas get their share
		head := dns.RR_Header{Name: asked.Name, Class: dns.ClassINET, Ttl: peerTTL}
		switch address := addresses[at]; {
		case address.Is4() && (asked.Qtype == dns.TypeA || asked.Qtype == dns.TypeANY):
			head.Rrtype = dns.TypeA
			answer.Answer = append(answer.Answer, &dns.A{Hdr: head, A: address.AsSlice()})
		case address.Is6() && (asked.Qtype == dns.TypeAAAA || asked.Qtype == dns.TypeANY):
			head.Rrtype = dns.TypeAAAA
			answer.Answer = append(answer.Answer, &dns.AAAA{Hdr: head, AAAA: address.AsSlice()})
		}
	}
	return answer
}

func (s *Server) reverse(question *dns.Msg, asked dns.Question) *dns.Msg {
	address, ok := reverseAddress(asked.Name)
	if !ok {
		return nil
	}
	names := s.table.Names(address)
	if len(names) == 0 {
		return nil
	}
	answer := reply(question)
	head := dns.RR_Header{Name: asked.Name, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: peerTTL}
	answer.Answer = append(answer.Answer, &dns.PTR{Hdr: head, Ptr: dns.Fqdn(names[0])})
	return answer
}

// learn tells the policy which addresses a name was said to have, by the chain of its aliases.
func (s *Server) learn(guest netip.Addr, name string, answer *dns.Msg) {
	var addresses []netip.Addr
	ttl := uint32(3600)
	for _, record := range answer.Answer {
		switch each := record.(type) {
		case *dns.A:
			if address, ok := netip.AddrFromSlice(each.A.To4()); ok {
				addresses = append(addresses, address)
			}
		case *dns.AAAA:
			if address, ok := netip.AddrFromSlice(each.AAAA); ok {
				addresses = append(addresses, address)
			}
		}
		ttl = min(ttl, record.Header().Ttl)
	}
	if len(addresses) > 0 {
		s.policy.Learn(guest, fold(name), addresses, time.Duration(ttl)*time.Second)
	}
}

// reply is an answer that is ours to give. The client's EDNS is answered (RFC 6891, 6.1.1).
func reply(question *dns.Msg) *dns.Msg {
	answer := new(dns.Msg).SetReply(question)
	answer.RecursionAvailable = true
	answer.Authoritative = true
	if options := question.IsEdns0(); options != nil {
		answer.SetEdns0(udpBytes, options.Do())
	}
	return answer
}

func failure(question *dns.Msg, code int) *dns.Msg {
	answer := new(dns.Msg).SetRcode(question, code)
	answer.RecursionAvailable = true
	return answer
}

func addressOf(a net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// reverseAddress reads "4.3.2.1.in-addr.arpa" and its like of IPv6 (RFC 1035, 3.5; RFC 3596, 2.5).
func reverseAddress(name string) (netip.Addr, bool) {
	labels := dns.SplitDomainName(fold(name))
	if n := len(labels); n < 3 || labels[n-1] != "arpa" {
		return netip.Addr{}, false
	}
	kind, digits := labels[len(labels)-2], labels[:len(labels)-2]
	text := ""
	for i := len(digits) - 1; i >= 0; i-- {
		text += digits[i]
		switch {
		case kind == "in-addr" && i > 0:
			text += "."
		case kind == "ip6" && i%4 == 0 && i > 0:
			text += ":"
		}
		if kind == "ip6" && len(digits[i]) != 1 {
			return netip.Addr{}, false
		}
	}
	address, err := netip.ParseAddr(text)
	if err != nil || (kind == "in-addr") != address.Is4() || (kind == "ip6") != address.Is6() {
		return netip.Addr{}, false
	}
	return address, true
}
