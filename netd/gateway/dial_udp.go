package gateway

import (
	"errors"
	"net"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// dialUDP connects a socket for datagrams. Other than gonet's own, it lets who reads know when the far end says that
// nobody is there (ICMP).
func dialUDP(s *stack.Stack, to tcpip.FullAddress, protocol tcpip.NetworkProtocolNumber) (net.Conn, error) {
	queue := new(waiter.Queue)
	endpoint, failed := s.NewEndpoint(udp.ProtocolNumber, protocol, queue)
	if failed != nil {
		return nil, errors.New(failed.String())
	}
	if failed := endpoint.Connect(to); failed != nil {
		endpoint.Close()
		return nil, errors.New(failed.String())
	}
	// gonet waits for what can be read. It is told later, because the queue is held while it tells.
	entry := waiter.NewFunctionEntry(waiter.EventErr, func(waiter.EventMask) { go queue.Notify(waiter.EventIn) })
	queue.EventRegister(&entry)
	return gonet.NewUDPConn(queue, endpoint), nil
}
