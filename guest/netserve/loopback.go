package netserve

import (
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"ctr/guest/inet"
)

const (
	// Above the ports that Linux gives to clients, and nobody's: no service of a container misses it.
	loopbackPort = 65011
	dialTimeout  = 10 * time.Second

	reached = 0
	refused = 1

	connect      = 0
	listeningTCP = 1
	listeningUDP = 2
	datagrams    = 3
)

// serveLoopback listens for the network's gateway alone, which asks for a service that the container's address refuses,
// or whether there is one: a byte for what is wanted, two for the port, big-endian. The answer is one byte, then what
// the service says; its datagrams behind their lengths.
func serveLoopback(prefixes []string, allowed []netip.Addr) error {
	for _, text := range prefixes {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return err
		}
		listener, err := inet.Bind(netip.AddrPortFrom(prefix.Addr(), loopbackPort), true)
		if errors.Is(err, unix.EADDRINUSE) {
			continue // a container that came before in this guest has asked for it
		}
		if err != nil {
			return err
		}
		go acceptGateway(listener, allowed)
	}
	return nil
}

func acceptGateway(listener *os.File, allowed []netip.Addr) {
	for {
		connection, from, err := inet.Accept(listener)
		if err != nil {
			pause()
			continue
		}
		if !slices.Contains(allowed, from.Addr().Unmap()) {
			connection.Close()
			continue
		}
		go carry(connection)
	}
}

func carry(gateway *os.File) {
	defer gateway.Close()
	_ = gateway.SetDeadline(time.Now().Add(dialTimeout))
	var wanted [3]byte
	if _, err := io.ReadFull(gateway, wanted[:]); err != nil {
		return
	}
	port := binary.BigEndian.Uint16(wanted[1:])
	if wanted[0] == datagrams {
		service := dialDatagrams(port)
		if service == nil {
			_, _ = gateway.Write([]byte{refused})
			return
		}
		defer service.Close()
		if _, err := gateway.Write([]byte{reached}); err != nil {
			return
		}
		_ = gateway.SetDeadline(time.Time{})
		carryDatagrams(gateway, service)
		return
	}
	if wanted[0] != connect {
		answer := byte(refused)
		if listens(port, wanted[0] == listeningUDP) {
			answer = reached
		}
		_, _ = gateway.Write([]byte{answer})
		return
	}
	service := dialLoopback(port)
	if service == nil {
		_, _ = gateway.Write([]byte{refused})
		return
	}
	defer service.Close()
	if _, err := gateway.Write([]byte{reached}); err != nil {
		return
	}
	_ = gateway.SetDeadline(time.Time{})
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(service, gateway)
		_ = inet.CloseWrite(service)
		close(done)
	}()
	_, _ = io.Copy(gateway, service)
	_ = inet.CloseWrite(gateway)
	<-done
}

func dialLoopback(port uint16) *os.File {
	for _, address := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		if service, err := inet.Dial(netip.AddrPortFrom(address, port), true, dialTimeout); err == nil {
			return service
		}
	}
	return nil
}
