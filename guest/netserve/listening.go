package netserve

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"strings"
)

// States of a socket in the kernel's tables (include/net/tcp_states.h). A UDP socket without a peer is "closed".
const (
	closed = "07"
	listen = "0A"
)

// listens tells whether some socket takes what comes for a port. It is looked up, not tried: a service that takes one
// connection and ends would have taken ours.
func listens(port uint16, udp bool) bool {
	state, tables := listen, []string{"/proc/net/tcp", "/proc/net/tcp6"}
	if udp {
		state, tables = closed, []string{"/proc/net/udp", "/proc/net/udp6"}
	}
	for _, table := range tables {
		if listensIn(table, port, state) {
			return true
		}
	}
	return false
}

// ListeningPorts are the TCP ports at which somebody of the guest listens, in order.
func ListeningPorts() []uint32 {
	found := map[uint32]bool{}
	for _, table := range [...]string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(table)
		if err != nil {
			continue
		}
		eachPort(bufio.NewScanner(file), listen, func(port uint16) bool {
			found[uint32(port)] = port != loopbackPort
			return true
		})
		_ = file.Close()
	}
	var ports []uint32
	for port, others := range found {
		if others {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return ports
}

func listensIn(table string, port uint16, state string) bool {
	file, err := os.Open(table)
	if err != nil {
		return false
	}
	defer file.Close()
	return inTable(bufio.NewScanner(file), port, state)
}

func inTable(lines *bufio.Scanner, port uint16, state string) (found bool) {
	eachPort(lines, state, func(each uint16) bool {
		found = each == port
		return !found
	})
	return found
}

// eachPort reads lines such as "0: 0100007F:0050 00000000:0000 0A ...", until take has enough.
func eachPort(lines *bufio.Scanner, state string, take func(port uint16) bool) {
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != state {
			continue
		}
		_, text, _ := strings.Cut(fields[1], ":")
		if number, err := strconv.ParseUint(text, 16, 16); err == nil && !take(uint16(number)) {
			return
		}
	}
}
