// Package policy decides where guests may connect to.
//
// A policy allows or denies everything but for exceptions. An exception is a range of addresses, or a name: a name's
// addresses are those that the guest was told for it, and on them a TLS client must ask for that name (SNI), because
// many names share an address. So neither an address that was known before, nor UDP, nor IPv6 leads around it.
package policy

import (
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// An address is a name's for at least this long after the answer: programs keep it longer than its TTL says.
	leastTTL = 5 * time.Minute
	// Addresses that one guest was told, the newest.
	maxLearned = 4096
	// Kinds of denials that are told apart.
	maxDenials = 256
)

// Exception to a policy's default. Name or Range is set.
type Exception struct {
	Name  string // as Fold has it; "*.example.com" is every name below example.com
	Range netip.Prefix
	Port  uint16 // 0: every port
}

// Rules of a network or a guest.
type Rules struct {
	Deny       bool // everything that no exception allows
	Exceptions []Exception
}

// Verdict on a flow.
type Verdict int

const (
	// Denied flows are refused.
	Denied Verdict = iota
	// Allowed flows go on.
	Allowed
	// ByName flows go on if the client asks for an allowed name.
	ByName
)

// Denial counts what was refused.
type Denial struct {
	Guest   netip.Addr
	Network string
	To      string // address and port, or the name that was asked for
	Count   uint64
	Last    time.Time
}

type learned struct {
	names map[string]time.Time
}

// Policy of one network. The zero value allows everything.
type Policy struct {
	mu      sync.Mutex
	network Rules
	guests  map[netip.Addr]Rules
	told    map[netip.Addr]map[netip.Addr]*learned // by guest, then by address
	denials map[string]*Denial
	// OnDenial is called for the first denial of its kind.
	OnDenial func(Denial)
	now      func() time.Time
}

// New returns a policy that allows everything.
func New() *Policy {
	return &Policy{
		guests: make(map[netip.Addr]Rules), told: make(map[netip.Addr]map[netip.Addr]*learned),
		denials: make(map[string]*Denial), now: time.Now,
	}
}

// SetNetwork sets the rules of guests that have none of their own.
func (p *Policy) SetNetwork(rules Rules) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.network = rules
}

// SetGuest sets the rules for all addresses of a guest; nil takes them away.
func (p *Policy) SetGuest(addresses []netip.Addr, rules *Rules) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, address := range addresses {
		delete(p.told, address)
		if rules == nil {
			delete(p.guests, address)
		} else {
			p.guests[address] = *rules
		}
	}
}

func (p *Policy) rules(guest netip.Addr) Rules {
	if rules, ok := p.guests[guest]; ok {
		return rules
	}
	return p.network
}

// Flow decides on a connection or the first datagram of a flow.
func (p *Policy) Flow(guest netip.Addr, network string, to netip.AddrPort) Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	rules := p.rules(guest)
	if !rules.Deny {
		return Allowed
	}
	named := false
	for _, each := range rules.Exceptions {
		if each.Port != 0 && each.Port != to.Port() {
			continue
		}
		if each.Name == "" && each.Range.Contains(to.Addr()) {
			return Allowed
		}
		named = named || (each.Name != "" && p.has(guest, to.Addr(), each.Name))
	}
	if named && network == "tcp" {
		return ByName
	}
	p.deny(guest, network, to.String())
	return Denied
}

// Name decides on a flow ByName once the client has said which name it means. A client that has said none, because it
// does not speak TLS, is held to the names of the address alone.
func (p *Policy) Name(guest netip.Addr, to netip.AddrPort, name string) bool {
	name = Fold(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, each := range p.rules(guest).Exceptions {
		if each.Name == "" || (each.Port != 0 && each.Port != to.Port()) {
			continue
		}
		if name == "" && p.has(guest, to.Addr(), each.Name) || name != "" && matches(each.Name, name) {
			return true
		}
	}
	p.deny(guest, "tcp", name)
	return false
}

// MayAsk is false for names that the guest could reach nothing by: a question can carry data out, too.
func (p *Policy) MayAsk(guest netip.Addr, name string) bool {
	name = Fold(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	rules := p.rules(guest)
	if !rules.Deny {
		return true
	}
	for _, each := range rules.Exceptions {
		if each.Name != "" && matches(each.Name, name) {
			return true
		}
	}
	p.deny(guest, "dns", name)
	return false
}

// Learn keeps what a guest was told about a name.
func (p *Policy) Learn(guest netip.Addr, name string, addresses []netip.Addr, ttl time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.rules(guest).Deny {
		return
	}
	told := p.told[guest]
	if told == nil {
		told = make(map[netip.Addr]*learned)
		p.told[guest] = told
	}
	until := p.now().Add(max(ttl, leastTTL))
	for _, address := range addresses {
		if told[address] == nil {
			if len(told) >= maxLearned {
				p.forget(told)
			}
			told[address] = &learned{names: make(map[string]time.Time)}
		}
		told[address].names[Fold(name)] = until
	}
}

// forget makes room: what has expired goes, and if nothing has, everything.
func (p *Policy) forget(told map[netip.Addr]*learned) {
	now := p.now()
	for address, each := range told {
		for name, until := range each.names {
			if until.Before(now) {
				delete(each.names, name)
			}
		}
		if len(each.names) == 0 {
			delete(told, address)
		}
	}
	if len(told) >= maxLearned {
		clear(told)
	}
}

func (p *Policy) has(guest, address netip.Addr, pattern string) bool {
	each := p.told[guest][address]
	if each == nil {
		return false
	}
	now := p.now()
	for name, until := range each.names {
		if until.After(now) && matches(pattern, name) {
			return true
		}
	}
	return false
}

func (p *Policy) deny(guest netip.Addr, network, to string) {
	key := guest.String() + " " + network + " " + to
	denial := p.denials[key]
	if denial == nil {
		if len(p.denials) >= maxDenials {
			p.dropOldest()
		}
		denial = &Denial{Guest: guest, Network: network, To: to}
		p.denials[key] = denial
	}
	denial.Count++
	denial.Last = p.now()
	if denial.Count == 1 && p.OnDenial != nil {
		p.OnDenial(*denial)
	}
}

func (p *Policy) dropOldest() {
	oldest := ""
	for key, each := range p.denials {
		if oldest == "" || each.Last.Before(p.denials[oldest].Last) {
			oldest = key
		}
	}
	delete(p.denials, oldest)
}

// Denials lists what was refused.
func (p *Policy) Denials() []Denial {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Denial, 0, len(p.denials))
	for _, each := range p.denials {
		all = append(all, *each)
	}
	return all
}

func matches(pattern, name string) bool {
	if below, ok := strings.CutPrefix(pattern, "*."); ok {
		return strings.HasSuffix(name, "."+below)
	}
	return pattern == name
}

// Fold is how names are compared: without regard to case, and without the root's dot (RFC 4343).
func Fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
