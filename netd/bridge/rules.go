package bridge

import (
	"fmt"
	"net/netip"
	"strings"

	"ctr/netd/fabric"
)

// Whoever leaves the network does not leave to here: clouds hand out a machine's credentials at a link-local address,
// and a group or a broadcast means nobody outside.
const nowhere = "169.254.0.0/16, 224.0.0.0/4, 255.255.255.255"

// anyBridge matches every bridge that a network of ctr has, of whatever home.
const anyBridge = "ctr*"

// networkRules is the script that makes the tables of a network anew, at once: what is let in from its guests to this
// host, and what passes through this host.
//
// Frames of one network to another are dropped, and so is what comes from outside and was not asked for. With
// br_netfilter loaded the kernel shows frames between two guests to the forward chain too: those pass.
func networkRules(c Config) string {
	var b strings.Builder
	line := func(format string, values ...any) { fmt.Fprintf(&b, format+"\n", values...) }
	for _, family := range []string{"bridge", "inet"} {
		line("table %s %s", family, c.Name)
		line("delete table %s %s", family, c.Name)
	}
	line("table bridge %s {", c.Name)
	line(" map ports { type ifname : verdict; }")
	line(" chain guard { type filter hook prerouting priority -300; policy accept; iifname vmap @ports; }")
	line("}")
	line("table inet %s {", c.Name)
	line(" set kept4 { type ipv4_addr; }")
	line(" set kept6 { type ipv6_addr; }")
	line(" set closed4 { type ipv4_addr; }")
	line(" set closed6 { type ipv6_addr; }")
	line(" chain input {")
	line("  type filter hook input priority -10; policy accept;")
	line("  iifname != %q accept", c.Name)
	line("  ct state established,related accept")
	line("  meta l4proto ipv6-icmp accept")
	if c.IPv4.IsValid() {
		line("  meta l4proto icmp ip daddr %s accept", c.IPv4.Addr())
	}
	line("  ip saddr @kept4 drop")
	line("  ip6 saddr @kept6 drop")
	if !c.HostAccess {
		line("  drop")
	}
	line(" }")
	line(" chain forward {")
	line("  type filter hook forward priority -10; policy accept;")
	line("  iifname %q oifname %q accept", c.Name, c.Name)
	line("  iifname %q jump leaves", c.Name)
	line("  oifname %q ct state established,related accept", c.Name)
	line("  oifname %q drop", c.Name)
	line(" }")
	line(" chain leaves {")
	line("  oifname %q drop", anyBridge)
	line("  ip daddr { %s } drop", nowhere)
	line("  ip saddr @closed4 drop")
	line("  ip6 saddr @closed6 drop")
	if c.Forward {
		for _, prefix := range c.prefixes() {
			line("  %s saddr %s accept", family(prefix.Addr()), prefix.Masked())
		}
	}
	line("  drop")
	line(" }")
	line(" chain nat {")
	line("  type nat hook postrouting priority 100; policy accept;")
	line("  oifname %q accept", c.Name)
	for _, prefix := range c.prefixes() {
		line("  %s saddr %s masquerade", family(prefix.Addr()), prefix.Masked())
	}
	line(" }")
	line("}")
	return b.String()
}

// guestRules is the script that lets a guest in: the same that fabric.Identity.Check decides, in the kernel. What the
// guest sends as anybody else is counted and dropped; so are its broadcasts beyond groupRate.
func guestRules(name string, guest Guest) string {
	var b strings.Builder
	line := func(format string, values ...any) { fmt.Fprintf(&b, format+"\n", values...) }
	mac, linkLocal := text(guest.Identity.MAC), guest.Identity.MAC.LinkLocal()
	four, six := split(guest.Identity.Addresses)
	six = append(six, linkLocal)
	own := func(suffix string) string { return suffix + "_" + guest.Tap }
	line("table bridge %s {", name)
	line(" counter %s { }", own("spoofed"))
	line(" counter %s { }", own("flooded"))
	line(" chain %s { counter name %q drop; }", own("drop"), own("spoofed"))
	line(" chain %s {", own("arp"))
	line("  arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp saddr ether %s arp saddr ip { %s } accept",
		mac, join(append([]netip.Addr{netip.IPv4Unspecified()}, four...)))
	line("  goto %s", own("drop"))
	line(" }")
	line(" chain %s {", own("ip"))
	line("  udp sport 67 goto %s", own("drop"))
	if len(four) > 0 {
		line("  ip saddr { %s } accept", join(four))
	}
	line("  ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept")
	line("  goto %s", own("drop"))
	line(" }")
	line(" chain %s {", own("ip6"))
	line("  icmpv6 type { nd-router-advert, nd-redirect } goto %s", own("drop"))
	line("  udp sport 547 goto %s", own("drop"))
	// The target of an advertisement: 8 bytes behind the beginning of the ICMPv6 message (RFC 4861, 4.4).
	line("  icmpv6 type nd-neighbor-advert @th,64,128 != { %s } goto %s", joinHex(six), own("drop"))
	line("  ip6 saddr { %s } accept", join(six))
	line("  ip6 saddr :: icmpv6 type { nd-router-solicit, nd-neighbor-solicit, mld2-listener-report } accept")
	line("  goto %s", own("drop"))
	line(" }")
	line(" chain %s {", own("from"))
	line("  ether saddr != %s goto %s", mac, own("drop"))
	line("  meta pkttype { broadcast, multicast } limit rate over %d/second burst %d packets counter name %q drop",
		groupRate, groupRate, own("flooded"))
	line("  ether type arp goto %s", own("arp"))
	line("  ether type ip goto %s", own("ip"))
	line("  ether type ip6 goto %s", own("ip6"))
	line("  goto %s", own("drop"))
	line(" }")
	line("}")
	line("add element bridge %s ports { %q : jump %s }", name, guest.Tap, own("from"))
	for _, element := range setElements(guest) {
		line("add element inet %s %s", name, element)
	}
	return b.String()
}

// forgetGuest takes back what guestRules has said.
func forgetGuest(name string, guest Guest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "delete element bridge %s ports { %q : jump from_%s }\n", name, guest.Tap, guest.Tap)
	for _, element := range setElements(guest) {
		fmt.Fprintf(&b, "delete element inet %s %s\n", name, element)
	}
	// Those that refer to others first.
	for _, kind := range []string{"from", "ip6", "ip", "arp", "drop"} {
		fmt.Fprintf(&b, "flush chain bridge %s %s_%s\n", name, kind, guest.Tap)
	}
	for _, kind := range []string{"from", "ip6", "ip", "arp", "drop"} {
		fmt.Fprintf(&b, "delete chain bridge %s %s_%s\n", name, kind, guest.Tap)
	}
	for _, kind := range []string{"spoofed", "flooded"} {
		fmt.Fprintf(&b, "delete counter bridge %s %s_%s\n", name, kind, guest.Tap)
	}
	return b.String()
}

func setElements(guest Guest) []string {
	var all []string
	four, six := split(guest.Identity.Addresses)
	for set, wanted := range map[string]bool{"kept": guest.Kept, "closed": guest.Closed} {
		if wanted && len(four) > 0 {
			all = append(all, fmt.Sprintf("%s4 { %s }", set, join(four)))
		}
		if wanted && len(six) > 0 {
			all = append(all, fmt.Sprintf("%s6 { %s }", set, join(six)))
		}
	}
	return all
}

func (c Config) prefixes() []netip.Prefix {
	var all []netip.Prefix
	for _, prefix := range []netip.Prefix{c.IPv4, c.IPv6} {
		if prefix.IsValid() {
			all = append(all, prefix)
		}
	}
	return all
}

func family(address netip.Addr) string {
	if address.Is4() {
		return "ip"
	}
	return "ip6"
}

func split(addresses []netip.Addr) (four, six []netip.Addr) {
	for _, address := range addresses {
		if address.Is4() {
			four = append(four, address)
		} else {
			six = append(six, address)
		}
	}
	return four, six
}

func join(addresses []netip.Addr) string {
	texts := make([]string, len(addresses))
	for i, address := range addresses {
		texts[i] = address.String()
	}
	return strings.Join(texts, ", ")
}

func joinHex(addresses []netip.Addr) string {
	texts := make([]string, len(addresses))
	for i, address := range addresses {
		texts[i] = fmt.Sprintf("0x%x", address.As16())
	}
	return strings.Join(texts, ", ")
}

func text(mac fabric.MAC) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5])
}
