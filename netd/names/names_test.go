package names

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

type openPolicy struct{ learned chan string }

func (o *openPolicy) MayAsk(_ netip.Addr, name string) bool { return name != "forbidden.example" }
func (o *openPolicy) Learn(_ netip.Addr, name string, addresses []netip.Addr, _ time.Duration) {
	o.learned <- name + " " + addresses[0].String()
}

type answers map[string]string

func (a answers) Exchange(_ context.Context, question *dns.Msg, _ bool) (*dns.Msg, error) {
	name := question.Question[0].Name
	text, ok := a[name]
	if !ok {
		return nil, errors.New("no answer")
	}
	answer := new(dns.Msg).SetReply(question)
	for line := range strings.Lines(text) {
		record, err := dns.NewRR(line)
		if err != nil {
			return nil, err
		}
		answer.Answer = append(answer.Answer, record)
	}
	return answer, nil
}

var (
	ip1 = netip.MustParseAddr("10.9.0.2")
	ip2 = netip.MustParseAddr("10.9.0.3")
	ip6 = netip.MustParseAddr("fd09::2")
)

func server(t *testing.T, upstream Upstream) (*Table, *openPolicy, string) {
	t.Helper()
	table := NewTable()
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	policy := &openPolicy{learned: make(chan string, 10)}
	ended := make(chan struct{})
	go func() {
		_ = NewServer(table, upstream, policy).Serve(packets, listener)
		close(ended)
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return table, policy, packets.LocalAddr().String()
}

func ask(t *testing.T, at, network, name string, kind uint16, edns bool) *dns.Msg {
	t.Helper()
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	if edns {
		question.SetEdns0(1232, false)
	}
	answer, _, err := (&dns.Client{Net: network, Timeout: 5 * time.Second}).Exchange(question, at)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func texts(answer *dns.Msg) []string {
	all := []string{}
	for _, record := range answer.Answer {
		fields := strings.Fields(record.String())
		all = append(all, fields[len(fields)-1])
	}
	slices.Sort(all)
	return all
}

func TestPeersHaveNames(t *testing.T) {
	table, _, at := server(t, answers{})
	table.Set("one", []string{"web", "web.test", "api"}, []netip.Addr{ip1, ip6})
	table.Set("two", []string{"other", "api"}, []netip.Addr{ip2})
	for _, network := range []string{"udp", "tcp"} {
		for _, c := range []struct {
			name string
			kind uint16
			want []string
		}{
			{"web", dns.TypeA, []string{"10.9.0.2"}},
			{"WEB.test", dns.TypeA, []string{"10.9.0.2"}},
			{"web", dns.TypeAAAA, []string{"fd09::2"}},
			{"api", dns.TypeA, []string{"10.9.0.2", "10.9.0.3"}},
			{"other", dns.TypeAAAA, []string{}},
			{"other", dns.TypeMX, []string{}},
			{"2.0.9.10.in-addr.arpa", dns.TypePTR, []string{"web."}},
			{"2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.0.d.f.ip6.arpa", dns.TypePTR, []string{"web."}},
		} {
			answer := ask(t, at, network, c.name, c.kind, true)
			if answer.Rcode != dns.RcodeSuccess || !slices.Equal(texts(answer), c.want) {
				t.Fatalf("%s %s: %v", network, c.name, answer)
			}
			if answer.IsEdns0() == nil {
				t.Fatalf("%s: EDNS was not answered", c.name)
			}
		}
	}
	table.Remove("one")
	if answer := ask(t, at, "udp", "web", dns.TypeA, false); answer.Rcode != dns.RcodeServerFailure {
		t.Fatalf("after removal: %v", answer)
	}
	if got := texts(ask(t, at, "udp", "api", dns.TypeA, false)); !slices.Equal(got, []string{"10.9.0.3"}) {
		t.Fatalf("the other replica: %v", got)
	}
}

func TestEverythingElseGoesUpstream(t *testing.T) {
	_, policy, at := server(t, answers{"deb.example.": "deb.example. 60 IN CNAME cdn.example.\ncdn.example. 60 IN A 192.0.2.9\n"})
	answer := ask(t, at, "udp", "deb.example", dns.TypeA, false)
	if !slices.Equal(texts(answer), []string{"192.0.2.9", "cdn.example."}) {
		t.Fatal(answer)
	}
	if got := <-policy.learned; got != "deb.example 192.0.2.9" {
		t.Fatalf("the policy was told %q", got)
	}
	if answer := ask(t, at, "udp", "forbidden.example", dns.TypeA, false); answer.Rcode != dns.RcodeRefused {
		t.Fatal(answer)
	}
}

func TestALongAnswerIsCutForUDPAlone(t *testing.T) {
	table, _, at := server(t, answers{})
	var many []netip.Addr
	for i := range 200 {
		many = append(many, netip.AddrFrom4([4]byte{10, 9, 1, byte(i)}))
	}
	table.Set("all", []string{"all"}, many)
	if answer := ask(t, at, "udp", "all", dns.TypeA, false); !answer.Truncated {
		t.Fatalf("%d answers were not cut", len(answer.Answer))
	}
	if answer := ask(t, at, "tcp", "all", dns.TypeA, false); answer.Truncated || len(answer.Answer) != 200 {
		t.Fatalf("%d answers by TCP", len(answer.Answer))
	}
}

func TestTheHostsServersAreReadAgain(t *testing.T) {
	_, _, first := server(t, answers{"a.example.": "a.example. 1 IN A 192.0.2.1\n"})
	path := filepath.Join(t.TempDir(), "resolv.conf")
	host, _, _ := net.SplitHostPort(first)
	_ = os.WriteFile(path, []byte("# none\n"), 0o600)
	servers := &HostServers{Path: path}
	question := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	if _, err := servers.Exchange(t.Context(), question, false); !errors.Is(err, ErrNoServers) {
		t.Fatalf("got %v", err)
	}
	_ = os.WriteFile(path, []byte("nameserver "+host+"\n"), 0o600)
	servers.looked = time.Time{}
	config, err := servers.servers()
	if err != nil || config.Servers[0] != host {
		t.Fatalf("got %v, %v", config, err)
	}
	_, config.Port, _ = net.SplitHostPort(first)
	answer, err := servers.Exchange(t.Context(), question, true)
	if err != nil || !slices.Equal(texts(answer), []string{"192.0.2.1"}) {
		t.Fatalf("got %v, %v", answer, err)
	}
}

// FuzzAnswer feeds messages of a hostile guest.
func FuzzAnswer(f *testing.F) {
	table := NewTable()
	table.Set("one", []string{"web"}, []netip.Addr{ip1})
	s := NewServer(table, answers{}, &openPolicy{learned: make(chan string, 1)})
	packed, _ := new(dns.Msg).SetQuestion("web.", dns.TypeA).Pack()
	f.Add(packed)
	packed, _ = new(dns.Msg).SetQuestion("2.0.9.10.in-addr.arpa.", dns.TypePTR).Pack()
	f.Add(packed)
	f.Fuzz(func(t *testing.T, data []byte) {
		question := new(dns.Msg)
		if question.Unpack(data) != nil {
			return
		}
		answer := s.answer(ip2, question, false)
		if _, err := answer.Pack(); err != nil && answer.Rcode == dns.RcodeSuccess {
			t.Fatalf("an answer that cannot be sent: %v", err)
		}
	})
}
