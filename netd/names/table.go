// Package names answers the guests' questions for names: of their peers from a table, and of everybody else by the
// host's resolver.
package names

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Table of a network's own names. A name may have several addresses, as replicas have, and an address several names.
type Table struct {
	mu      sync.RWMutex
	owners  map[string]owner
	forward map[string][]netip.Addr
	reverse map[netip.Addr][]string
}

type owner struct {
	names     []string
	addresses []netip.Addr
}

// NewTable returns a table without names.
func NewTable() *Table {
	t := &Table{owners: make(map[string]owner)}
	t.rebuild()
	return t
}

// Set gives a guest these names, the first of which is the answer to a question about its addresses. It replaces what
// the guest had.
func (t *Table) Set(id string, names []string, addresses []netip.Addr) {
	folded := make([]string, len(names))
	for i, name := range names {
		folded[i] = fold(name)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owners[id] = owner{folded, slices.Clone(addresses)}
	t.rebuild()
}

// Remove takes a guest's names away.
func (t *Table) Remove(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.owners, id)
	t.rebuild()
}

// Addresses of a name, or false if nobody has it. A name may be known and have no address of one family.
func (t *Table) Addresses(name string) ([]netip.Addr, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	addresses, known := t.forward[fold(name)]
	return addresses, known
}

// Names of an address, the best first.
func (t *Table) Names(address netip.Addr) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.reverse[address]
}

func (t *Table) rebuild() {
	t.forward = make(map[string][]netip.Addr)
	t.reverse = make(map[netip.Addr][]string)
	ids := make([]string, 0, len(t.owners))
	for id := range t.owners {
		ids = append(ids, id)
	}
	slices.Sort(ids) // the same table whatever came first
	for _, id := range ids {
		for _, name := range t.owners[id].names {
			t.forward[name] = append(t.forward[name], t.owners[id].addresses...)
		}
		for _, address := range t.owners[id].addresses {
			t.reverse[address] = append(t.reverse[address], t.owners[id].names...)
		}
	}
}

// Names are compared without regard to case (RFC 4343), and with or without the root's dot.
func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
