//go:build linux

package bridge

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctr/netd/fabric"
	"ctr/netd/frame"
)

const inside = "CTR_TEST_NETWORK_NAMESPACE"

// TestMain runs the tests in a network namespace of their own: nothing here touches this host's.
func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" || os.Geteuid() != 0 {
		os.Exit(m.Run())
	}
	again := exec.Command(os.Args[0], os.Args[1:]...)
	again.Env = append(os.Environ(), inside+"=1")
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	err := again.Run()
	if status, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(status.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var config = Config{
	Name: "ctrhome00net000", Tap: "ctdhome00net000", MAC: fabric.MAC{2, 0, 0, 0, 0, 0xfe},
	IPv4: netip.MustParsePrefix("10.9.0.1/24"), IPv6: netip.MustParsePrefix("fd09::1/64"),
	MTU: 1500, Forward: true, HostAccess: true,
}

func open(t *testing.T) *Bridge {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Skip("it needs root")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft is not installed")
	}
	b, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// guest is a monitor: it makes its tap, and the test speaks for what runs behind it.
type guest struct {
	Guest
	*tap
}

func newGuest(t *testing.T, number byte) *guest {
	t.Helper()
	name := fmt.Sprintf("ctphome00port0%d", number)
	wire, err := openTap(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = wire.Close() })
	return &guest{tap: wire, Guest: Guest{Tap: name, Identity: fabric.Identity{
		MAC:       fabric.MAC{2, 0, 0, 0, 0, number},
		Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 9, 0, number}), netip.MustParseAddr(fmt.Sprintf("fd09::%d", number))},
	}}}
}

func (g *guest) datagram(to fabric.MAC, from, at netip.Addr, port uint16, words string) []byte {
	return datagram(g.Identity.MAC, to, from, at, port, words)
}

func datagram(source, to fabric.MAC, from, at netip.Addr, port uint16, words string) []byte {
	udp := []byte{0, 99, byte(port >> 8), byte(port), 0, byte(8 + len(words)), 0, 0}
	head := []byte{0x45, 0, 0, byte(28 + len(words)), 0, 0, 0, 0, 64, 17, 0, 0}
	head = append(append(head, from.AsSlice()...), at.AsSlice()...)
	sum := uint32(0)
	for i := 0; i < len(head); i += 2 {
		sum += uint32(head[i])<<8 | uint32(head[i+1])
	}
	sum = sum&0xffff + sum>>16
	head[10], head[11] = byte(^sum>>8), byte(^sum)
	data := append(append(to[:], source[:]...), 8, 0)
	return append(append(append(data, head...), udp...), words...)
}

// says sends a frame until the guest that waits has it, or for a while if it shall not.
func (g *guest) says(t *testing.T, other *guest, data []byte, arrives bool) {
	t.Helper()
	deadline, patience := time.Now().Add(5*time.Second), 20*time.Millisecond
	if !arrives {
		deadline = time.Now().Add(100 * time.Millisecond)
	}
	for time.Now().Before(deadline) {
		if err := g.Write([][]byte{data}); err != nil {
			t.Fatal(err)
		}
		_ = other.file.SetReadDeadline(time.Now().Add(patience))
		for {
			got, err := other.Read()
			if err != nil {
				break
			}
			if string(got) == string(data) {
				if !arrives {
					t.Fatalf("it has arrived: %x", got)
				}
				return
			}
		}
	}
	if arrives {
		t.Fatal("it has not arrived")
	}
}

func TestGuestsReachEachOtherAndNobodyIsSomebodyElse(t *testing.T) {
	b := open(t)
	late := newGuest(t, 3)
	_ = late.Close()
	early := newGuest(t, 2)
	for _, each := range []*guest{early, late} {
		if err := b.Add(each.Guest); err != nil {
			t.Fatal(err)
		}
	}
	late = newGuest(t, 3) // its monitor is there only now
	to, mine, yours := late.Identity.MAC, early.Identity.Addresses[0], late.Identity.Addresses[0]
	early.says(t, late, early.datagram(to, mine, yours, 7, "hello"), true)
	if !b.Plugged(early.Tap) || !b.Plugged(late.Tap) {
		t.Error("not plugged in")
	}
	other := netip.MustParseAddr("10.9.0.77")
	early.says(t, late, early.datagram(to, other, yours, 7, "another's address"), false)
	early.says(t, late, datagram(fabric.MAC{2, 9, 9, 9, 9, 9}, to, mine, yours, 7, "another's MAC"), false)
	arp := append(append(append([]byte{}, to[:]...), early.Identity.MAC[:]...), 8, 6, 0, 1, 8, 0, 6, 4, 0, 2)
	arp = append(append(append(append(arp, early.Identity.MAC[:]...), 10, 9, 0, 1), to[:]...), yours.AsSlice()...)
	early.says(t, late, arp, false)
	tagged := append(append(append([]byte{}, to[:]...), early.Identity.MAC[:]...), 0x81, 0, 0, 1, 8, 0)
	early.says(t, late, append(tagged, make([]byte, 50)...), false)
	if dropped := b.Dropped()[early.Tap]; dropped.Spoofed < 4 {
		t.Errorf("dropped %v", dropped)
	}
	if dropped := b.Dropped()[late.Tap]; dropped.Spoofed != 0 {
		t.Errorf("dropped %v", dropped)
	}
}

func TestNetdHasAPlaceOfItsOwn(t *testing.T) {
	b := open(t)
	g := newGuest(t, 2)
	if err := b.Add(g.Guest); err != nil {
		t.Fatal(err)
	}
	group := fabric.MAC{255, 255, 255, 255, 255, 255}
	data := g.datagram(group, g.Identity.Addresses[0], netip.MustParseAddr("10.9.0.255"), 9, "all")
	netd := &guest{tap: b.trunk}
	g.says(t, netd, data, true)
}

func TestAGuestThatGoesTakesItsRulesAlong(t *testing.T) {
	b := open(t)
	before := rules(t)
	g := newGuest(t, 2)
	g.Kept, g.Closed = true, true
	if err := b.Add(g.Guest); err != nil {
		t.Fatal(err)
	}
	if during := rules(t); during == before {
		t.Error("no rules were made")
	}
	b.Drop(g.Tap)
	if after := rules(t); after != before {
		t.Errorf("left:\n%s", after)
	}
	if err := b.Add(g.Guest); err != nil {
		t.Error(err)
	}
}

func TestWhatACrashLeavesIsTakenOverOrRemoved(t *testing.T) {
	b := open(t)
	g, other := newGuest(t, 2), newGuest(t, 3)
	for _, each := range []*guest{g, other} {
		if err := b.Add(each.Guest); err != nil {
			t.Fatal(err)
		}
	}
	hello := g.datagram(other.Identity.MAC, g.Identity.Addresses[0], other.Identity.Addresses[0], 7, "hello")
	g.says(t, other, hello, true)
	// As the kernel leaves it when netd is killed.
	b.mu.Lock()
	b.closed = true
	close(b.done)
	_ = b.trunk.Close()
	b.mu.Unlock()
	g.says(t, other, hello, true)
	next, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(next.Close)
	g.says(t, other, hello, false)
	for _, each := range []*guest{g, other} {
		if err := next.Add(each.Guest); err != nil {
			t.Fatal(err)
		}
	}
	g.says(t, other, hello, true)
	next.mu.Lock()
	next.closed = true
	close(next.done)
	_ = next.trunk.Close()
	next.mu.Unlock()
	for range 2 {
		if err := Remove([]string{config.Name}); err != nil {
			t.Fatal(err)
		}
	}
	if left := rules(t); left != "" {
		t.Errorf("left:\n%s", left)
	}
	if link, err := find(config.Name); link != nil || err != nil {
		t.Errorf("left: %v %v", link, err)
	}
}

func TestRulesThatSomebodyRemovesAreBack(t *testing.T) {
	b := open(t)
	g := newGuest(t, 2)
	if err := b.Add(g.Guest); err != nil {
		t.Fatal(err)
	}
	before := rules(t)
	if err := run("flush ruleset\n"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); rules(t) != before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only this is there:\n%s", rules(t))
		}
	}
}

func TestABridgeThatSomebodyRemovesIsLost(t *testing.T) {
	b := open(t)
	if err := removeLink(config.Name); err != nil {
		t.Fatal(err)
	}
	select {
	case <-b.Lost():
	case <-time.After(5 * time.Second):
		t.Error("nobody has told")
	}
}

func TestTheHostReachesGuestsAndGuestsWhatIsOpenToThem(t *testing.T) {
	b := open(t)
	g := newGuest(t, 2)
	if err := b.Add(g.Guest); err != nil {
		t.Fatal(err)
	}
	link, err := netlink.LinkByName(config.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.NeighSet(&netlink.Neigh{
		LinkIndex: link.Attrs().Index, State: unix.NUD_PERMANENT, IP: g.Identity.Addresses[0].AsSlice(),
		HardwareAddr: g.Identity.MAC[:],
	}); err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: config.IPv4.Addr().AsSlice(), Port: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	hears := func(want bool) {
		t.Helper()
		data := g.datagram(config.MAC, g.Identity.Addresses[0], config.IPv4.Addr(), 7, "to the host")
		for deadline := time.Now().Add(5 * time.Second); ; {
			_ = g.Write([][]byte{data})
			_ = socket.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			_, err := socket.Read(make([]byte, 100))
			if (err == nil) == want {
				return
			}
			if !want || time.Now().After(deadline) {
				t.Fatalf("heard: %v, want %v", err == nil, want)
			}
		}
	}
	hears(true)
	b.Drop(g.Tap)
	g.Kept = true
	if err := b.Add(g.Guest); err != nil {
		t.Fatal(err)
	}
	hears(false)
}

func TestNamesThatAreNotOursAreRefused(t *testing.T) {
	for _, name := range []string{"eth0", "ctrhome00net000; flush ruleset", "ctrHOME00net000", ""} {
		if _, err := Open(Config{Name: name, Tap: config.Tap}); !errors.Is(err, ErrUnusable) {
			t.Errorf("%q: %v", name, err)
		}
		if err := Remove([]string{name}); !errors.Is(err, ErrUnusable) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// rules of the whole namespace, without what counts.
func rules(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("nft", "-s", "list", "ruleset").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

var _ frame.Conn = (*tap)(nil)
