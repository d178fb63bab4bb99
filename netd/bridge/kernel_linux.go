package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"ctr/netd/frame"
)

// Bridge is one network's.
type Bridge struct {
	config Config
	trunk  *tap
	index  int
	done   chan struct{}
	lost   chan struct{}
	losing sync.Once

	mu     sync.Mutex
	closed bool
	guests map[string]*plug // by tap
}

type plug struct {
	guest   Guest
	plugged bool
}

// Open makes the bridge, or takes over what an earlier process has left of it: guests are unplugged then until they are
// added again, so that none is there without a guard.
func Open(config Config) (*Bridge, error) {
	if !bridgeName.MatchString(config.Name) || !tapName.MatchString(config.Tap) {
		return nil, fmt.Errorf("%w: the names %q and %q", ErrUnusable, config.Name, config.Tap)
	}
	b := &Bridge{config: config, done: make(chan struct{}), lost: make(chan struct{}), guests: make(map[string]*plug)}
	opened := false
	defer func() {
		if !opened {
			b.Close()
		}
	}()
	var err error
	if b.index, err = makeBridge(config); err != nil {
		return nil, told("make the bridge", err)
	}
	if err := run(networkRules(config)); err != nil {
		return nil, err
	}
	if b.trunk, err = openTap(config.Tap); err != nil {
		return nil, told("open /dev/net/tun", err)
	}
	if err := plugIn(config.Tap, config.MTU, b.index); err != nil {
		return nil, told("plug in", err)
	}
	if err := b.watchLinks(); err != nil {
		return nil, told("watch interfaces", err)
	}
	if err := b.watchRules(); err != nil {
		return nil, told("watch rules", err)
	}
	opened = true
	return b, nil
}

func told(what string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%w: it needs root (%s: %w)", ErrUnusable, what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Trunk is the wire to the guests and back, for netd's own gateway.
func (b *Bridge) Trunk() frame.Conn { return b.trunk }

// Lost is closed when somebody else has removed the bridge.
func (b *Bridge) Lost() <-chan struct{} { return b.lost }

// Add guards a guest, and plugs it in as soon as its tap is there.
func (b *Bridge) Add(guest Guest) error {
	if !tapName.MatchString(guest.Tap) {
		return fmt.Errorf("%w: the name %q", ErrUnusable, guest.Tap)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.guests[guest.Tap] != nil || guest.Identity.MAC == b.config.MAC {
		return fmt.Errorf("%w: %q is there already", ErrUnusable, guest.Tap)
	}
	if err := run(guestRules(b.config.Name, guest)); err != nil {
		return err
	}
	b.guests[guest.Tap] = &plug{guest: guest}
	b.plugNow(guest.Tap)
	return nil
}

// Drop unplugs a guest.
func (b *Bridge) Drop(tap string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.guests[tap]
	if known == nil {
		return
	}
	delete(b.guests, tap)
	unplug(tap)
	_ = run(forgetGuest(b.config.Name, known.guest)) // what is lost already is made again without it
}

// Plugged tells whether a guest's tap is there.
func (b *Bridge) Plugged(tap string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.guests[tap]
	return known != nil && known.plugged
}

// Close removes all that the kernel has of this network.
func (b *Bridge) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	close(b.done)
	if b.trunk != nil {
		_ = b.trunk.Close()
	}
	_ = Remove([]string{b.config.Name})
}

// Remove removes bridges by name, with their rules; the bridge last, because by it the others are found. None of them is
// an error when it is not there.
func Remove(names []string) error {
	var all []error
	for _, name := range names {
		if !bridgeName.MatchString(name) {
			all = append(all, fmt.Errorf("%w: the name %q", ErrUnusable, name))
			continue
		}
		for _, family := range []string{"bridge", "inet"} { // named first, so that there is one
			all = append(all, run(fmt.Sprintf("table %s %s\ndelete table %s %s\n", family, name, family, name)))
		}
		all = append(all, removeLink(name))
	}
	return errors.Join(all...)
}

// Dropped counts what the guards have dropped, by tap.
func (b *Bridge) Dropped() map[string]Dropped {
	found := make(map[string]Dropped)
	out, err := exec.Command("nft", "-j", "list", "counters", "table", "bridge", b.config.Name).Output()
	if err != nil {
		return found
	}
	var list struct {
		Nftables []struct {
			Counter *struct {
				Name    string `json:"name"`
				Packets uint64 `json:"packets"`
			} `json:"counter"`
		} `json:"nftables"`
	}
	if json.Unmarshal(out, &list) != nil {
		return found
	}
	for _, each := range list.Nftables {
		if each.Counter == nil {
			continue
		}
		kind, tap, _ := strings.Cut(each.Counter.Name, "_")
		dropped := found[tap]
		switch kind {
		case "spoofed":
			dropped.Spoofed = each.Counter.Packets
		case "flooded":
			dropped.Flooded = each.Counter.Packets
		}
		found[tap] = dropped
	}
	return found
}

// run gives a script to nft, which does all of it or nothing.
func run(script string) error {
	command := exec.Command("nft", "-f", "-")
	command.Stdin = strings.NewReader(script)
	out, err := command.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf(`%w: the program "nft" is not installed`, ErrUnusable)
	}
	if err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("nft: %w: %s", err, first)
	}
	return nil
}
