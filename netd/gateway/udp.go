package gateway

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	// A flow ends when neither side has said anything for so long (RFC 4787, REQ-5 asks for at least two minutes; a
	// question to a name server is over at once).
	flowTimeout = 2 * time.Minute
	nameTimeout = 10 * time.Second
	namePort    = 53
	datagramMax = 65535
	// What a flow may hold in datagrams that the other side has not taken yet is the sockets' own buffers.
)

// openUDP begins a flow: from one port of a guest to one port outside.
func (g *Gateway) openUDP(request *udp.ForwarderRequest) {
	id := request.ID()
	flow := Flow{
		Network: "udp", From: addrPort(id.RemoteAddress, id.RemotePort), To: addrPort(id.LocalAddress, id.LocalPort),
	}
	if !flow.To.Addr().IsGlobalUnicast() {
		return // a broadcast or a group: nobody outside is meant
	}
	var queue waiter.Queue
	endpoint, failed := request.CreateEndpoint(&queue)
	if failed != nil {
		return
	}
	near := gonet.NewUDPConn(&queue, endpoint)
	go func() {
		far, err := g.outside.Dial(context.Background(), flow)
		if err != nil {
			_ = near.Close()
			return
		}
		timeout := flowTimeout
		if flow.To.Port() == namePort {
			timeout = nameTimeout
		}
		Exchange(near, far, timeout)
	}()
}

// Exchange carries datagrams both ways until neither side has sent any for the time of timeout.
func Exchange(a, b net.Conn, timeout time.Duration) {
	var last atomic.Int64
	last.Store(time.Now().UnixNano())
	done := make(chan struct{})
	go func() {
		carryDatagrams(b, a, timeout, &last)
		close(done)
	}()
	carryDatagrams(a, b, timeout, &last)
	<-done
	_ = a.Close()
	_ = b.Close()
}

func carryDatagrams(to, from net.Conn, timeout time.Duration, last *atomic.Int64) {
	buffer := make([]byte, datagramMax)
	for {
		_ = from.SetReadDeadline(time.Unix(0, last.Load()).Add(timeout))
		n, err := from.Read(buffer)
		if timed, ok := err.(net.Error); ok && timed.Timeout() {
			if time.Since(time.Unix(0, last.Load())) < timeout {
				continue // the other direction is in use
			}
		}
		if err != nil {
			_ = to.SetReadDeadline(time.Unix(1, 0)) // the other direction ends too
			last.Store(0)
			return
		}
		last.Store(time.Now().UnixNano())
		if _, err := to.Write(buffer[:n]); err != nil {
			continue // nobody listens there now; somebody may later
		}
	}
}
