package netserve

import (
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"

	"ctr/guest/inet"
)

const (
	lengthBytes  = 2
	datagramMost = 65535
)

// dialDatagrams connects to a service of the loopback that takes datagrams, or returns nil if there is none.
func dialDatagrams(port uint16) *os.File {
	for table, address := range map[string]netip.Addr{
		"/proc/net/udp": netip.AddrFrom4([4]byte{127, 0, 0, 1}), "/proc/net/udp6": netip.IPv6Loopback(),
	} {
		if !listensIn(table, port, closed) {
			continue
		}
		if service, err := inet.Dial(netip.AddrPortFrom(address, port), false, dialTimeout); err == nil {
			return service
		}
	}
	return nil
}

// carryDatagrams passes on datagrams, each behind its length in two bytes, big-endian, on the gateway's side, until the
// gateway has enough.
func carryDatagrams(gateway, service *os.File) {
	go func() {
		defer service.Close()
		data := make([]byte, datagramMost)
		for {
			if _, err := io.ReadFull(gateway, data[:lengthBytes]); err != nil {
				return
			}
			datagram := data[:binary.BigEndian.Uint16(data)]
			if _, err := io.ReadFull(gateway, datagram); err != nil {
				return
			}
			_, _ = service.Write(datagram) // one that nobody takes is lost, as on any wire
		}
	}()
	data := make([]byte, lengthBytes+datagramMost)
	for {
		n, err := service.Read(data[lengthBytes:])
		if err != nil && !errors.Is(err, io.EOF) { // an empty datagram looks like an end, and there is none
			return
		}
		binary.BigEndian.PutUint16(data, uint16(n))
		if _, err := gateway.Write(data[:lengthBytes+n]); err != nil {
			return
		}
	}
}
