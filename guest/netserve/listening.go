package netserve

import (
	"bufio"
	"os"
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

func listensIn(table string, port uint16, state string) bool {
	file, err := os.Open(table)
	if err != nil {
		return false
	}
	defer file.Close()
	return inTable(bufio.NewScanner(file), port, state)
}

// inTable reads lines such as "0: 0100007F:0050 00000000:0000 0A ...".
func inTable(lines *bufio.Scanner, port uint16, state string) bool {
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != state {
			continue
		}
		_, text, _ := strings.Cut(fields[1], ":")
		if number, err := strconv.ParseUint(text, 16, 16); err == nil && uint16(number) == port {
			return true
		}
	}
	return false
}
