package names

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// The host may be asked for its name servers anew this often: it may have joined a VPN.
const reloadAfter = 2 * time.Second

// ErrNoServers is a host that has no name server.
var ErrNoServers = errors.New("the host has no name server")

// HostServers asks the name servers of a resolv.conf, which is read again when it has changed.
type HostServers struct {
	Path string

	mu       sync.Mutex
	looked   time.Time
	modified time.Time
	config   *dns.ClientConfig
}

func (h *HostServers) servers() (*dns.ClientConfig, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.config != nil && time.Since(h.looked) < reloadAfter {
		return h.config, nil
	}
	h.looked = time.Now()
	info, err := os.Stat(h.Path)
	if err != nil {
		return nil, err
	}
	if h.config == nil || !info.ModTime().Equal(h.modified) {
		config, err := dns.ClientConfigFromFile(h.Path)
		if err != nil {
			return nil, err
		}
		h.config, h.modified = config, info.ModTime()
	}
	if len(h.config.Servers) == 0 {
		return nil, ErrNoServers
	}
	return h.config, nil
}

// Exchange asks one server after the other. The answer to a question by UDP may be cut, as the client's would be.
func (h *HostServers) Exchange(ctx context.Context, question *dns.Msg, tcp bool) (*dns.Msg, error) {
	config, err := h.servers()
	if err != nil {
		return nil, err
	}
	client := &dns.Client{Net: "udp", Timeout: time.Duration(max(config.Timeout, 1)) * time.Second, UDPSize: udpBytes}
	if tcp {
		client.Net = "tcp"
	}
	// The client's message goes on as it is but for its ID, by which answers are told from forgeries.
	asked := question.Copy()
	asked.Id = dns.Id()
	for _, server := range config.Servers {
		var answer *dns.Msg
		answer, _, err = client.ExchangeContext(ctx, asked, net.JoinHostPort(server, config.Port))
		if err == nil && answer.Rcode != dns.RcodeServerFailure && answer.Rcode != dns.RcodeRefused {
			return answer, nil
		}
		if err == nil && server == config.Servers[len(config.Servers)-1] {
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, err
}

// Nobody answers nothing: the network leads nowhere.
type Nobody struct{}

// Exchange says that there is no such name.
func (Nobody) Exchange(_ context.Context, question *dns.Msg, _ bool) (*dns.Msg, error) {
	return new(dns.Msg).SetRcode(question, dns.RcodeNameError), nil
}
