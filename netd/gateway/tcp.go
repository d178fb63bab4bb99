package gateway

import (
	"context"
	"errors"
	"net"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	// Connections of the guests that wait for their far end.
	maxOpening = 4096
	// Linux gives up after about two minutes; a guest's program has its own patience.
	openTimeout = 2 * time.Minute
)

// openTCP answers a guest's SYN once the far end has answered ours: a port that nobody listens at is refused.
func (g *Gateway) openTCP(request *tcp.ForwarderRequest) {
	id := request.ID()
	flow := Flow{
		Network: "tcp", From: addrPort(id.RemoteAddress, id.RemotePort), To: addrPort(id.LocalAddress, id.LocalPort),
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	far, err := g.outside.Dial(ctx, flow)
	if err != nil && !errors.Is(err, ErrAskName) {
		request.Complete(true)
		return
	}
	var queue waiter.Queue
	endpoint, failed := request.CreateEndpoint(&queue)
	request.Complete(false)
	if failed != nil {
		if far != nil {
			_ = far.Close()
		}
		return
	}
	endpoint.SocketOptions().SetKeepAlive(true)
	var near net.Conn = newConn(&queue, endpoint)
	if far == nil {
		again, named, err := g.outside.DialNamed(ctx, flow, near)
		if err != nil {
			endpoint.Abort()
			return
		}
		near, far = again, named
	}
	Splice(near, far)
}
