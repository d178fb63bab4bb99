// Package fabric is the switch of one network: guests are plugged in at ports, and the gateway beside them.
//
// Nothing is learned: a port's MAC and addresses are told when it is made, and what a guest sends as anybody else is
// dropped (source guard). Each receiver has a queue of limited size for each sender, so that a guest cannot starve its
// peers.
package fabric

import (
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ctr/netd/frame"
)

const gatewaySender = ""

// Broadcasts and multicasts of one guest, a second: what neighbors ask each other is a few.
const (
	groupFrames = 1000
	groupPeriod = time.Second
)

// ErrTaken is a port whose name or MAC another port has.
var ErrTaken = errors.New("another port has that name or MAC")

// Gateway is what is behind the network. Deliver must not keep the frame.
type Gateway interface {
	MAC() MAC
	Deliver(from *Port, data []byte)
}

// Counters of one port. All of them only grow.
type Counters struct {
	ReceivedFrames, ReceivedBytes atomic.Uint64 // from the guest, before any check
	SentFrames, SentBytes         atomic.Uint64 // to the guest
	Malformed, Spoofed            atomic.Uint64
	Flooded                       atomic.Uint64 // broadcasts beyond the rate
	Overrun                       atomic.Uint64 // dropped because this guest took them too slowly
}

// Fabric is one switch.
type Fabric struct {
	mu      sync.RWMutex
	gateway Gateway
	trunk   *Port
	ports   map[string]*Port
	byMAC   map[MAC]*Port
}

// New returns a switch without ports. The gateway is connected before the first port is made.
func New() *Fabric {
	return &Fabric{ports: make(map[string]*Port), byMAC: make(map[MAC]*Port)}
}

// Connect sets what is behind the network.
func (f *Fabric) Connect(gateway Gateway) { f.gateway = gateway }

// Port is where one guest is plugged in. It outlives the connections to the guest's monitor.
type Port struct {
	ID       string
	Identity Identity
	Counters Counters

	fabric *Fabric
	queue  *queue
	// shared by all guests.
	shared bool

	groupMu    sync.Mutex
	groupSince time.Time
	groupCount int
}

// Add makes a port.
func (f *Fabric) Add(id string, identity Identity) (*Port, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id == gatewaySender || f.ports[id] != nil || f.byMAC[identity.MAC] != nil || identity.MAC == f.gateway.MAC() {
		return nil, ErrTaken
	}
	port := &Port{ID: id, Identity: identity, fabric: f, queue: newQueue()}
	f.ports[id] = port
	f.byMAC[identity.MAC] = port
	return port, nil
}

// ServeTrunk carries frames between the gateway and a switch elsewhere that all guests are plugged into: the ports of
// this one tell who they are, and nothing is plugged into them. It returns when the connection ends.
func (f *Fabric) ServeTrunk(conn frame.Conn) error {
	trunk := &Port{fabric: f, queue: newQueue(), shared: true}
	f.mu.Lock()
	f.trunk = trunk
	f.mu.Unlock()
	return trunk.Serve(conn)
}

// Owner returns the port of a MAC, or nil.
func (f *Fabric) Owner(mac MAC) *Port {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.byMAC[mac]
}

// Remove unplugs a port for good.
func (f *Fabric) Remove(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	port := f.ports[id]
	if port == nil {
		return
	}
	delete(f.ports, id)
	delete(f.byMAC, port.Identity.MAC)
	port.queue.close()
	for _, other := range f.ports {
		other.queue.drop(id)
	}
}

// Port returns the port of that name, or nil.
func (f *Fabric) Port(id string) *Port {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.ports[id]
}

// Serve carries frames between the port and a connection until the connection ends, or the port is removed.
func (p *Port) Serve(conn frame.Conn) error {
	ended := make(chan struct{})
	var stopped atomic.Bool
	p.queue.attach(conn)
	go func() {
		defer close(ended)
		p.drain(conn, &stopped)
		_ = conn.Close()
	}()
	for {
		data, err := conn.Read()
		if err != nil {
			_ = conn.Close()
			stopped.Store(true)
			p.queue.wake()
			<-ended
			p.queue.detach()
			return err
		}
		p.receive(data)
	}
}

// drain sends what had to wait.
func (p *Port) drain(conn frame.Conn, stopped *atomic.Bool) {
	var batch [][]byte
	for {
		var more bool
		if batch, more = p.queue.take(batch[:0], stopped); !more {
			return
		}
		err := conn.Write(batch)
		p.queue.done()
		for _, data := range batch {
			if err == nil {
				p.sent(len(data))
			}
			release(data)
		}
		clear(batch)
		if err != nil {
			return
		}
	}
}

func (p *Port) sent(bytes int) {
	p.Counters.SentFrames.Add(1)
	p.Counters.SentBytes.Add(uint64(bytes))
}

// receive passes on what the guest sends, if it may send that.
func (p *Port) receive(data []byte) {
	p.Counters.ReceivedFrames.Add(1)
	p.Counters.ReceivedBytes.Add(uint64(len(data)))
	if p.shared {
		p.fabric.deliver(data)
		return
	}
	switch p.Identity.Check(data) {
	case Malformed:
		p.Counters.Malformed.Add(1)
		return
	case Spoofed:
		p.Counters.Spoofed.Add(1)
		return
	}
	to := MAC(data[:6])
	f := p.fabric
	if to == f.gateway.MAC() {
		f.gateway.Deliver(p, data)
		return
	}
	if !to.multicast() {
		if peer := f.Owner(to); peer != nil && peer != p {
			peer.send(p.ID, data)
		}
		return
	}
	if !p.mayFlood() {
		p.Counters.Flooded.Add(1)
		return
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, peer := range f.ports {
		if peer != p {
			peer.send(p.ID, data)
		}
	}
	f.gateway.Deliver(p, data)
}

// deliver hands what comes by the trunk to the gateway: the other switch has given it to the peers. It is checked here as
// well, because the gateway reads on in what it is given.
func (f *Fabric) deliver(data []byte) {
	if len(data) < frame.HeaderBytes {
		return
	}
	if to := MAC(data[:6]); !to.multicast() && to != f.gateway.MAC() {
		return
	}
	owner := f.Owner(MAC(data[6:12]))
	if owner == nil {
		return // this host itself
	}
	if owner.Identity.Check(data) != Passed {
		owner.Counters.Malformed.Add(1)
		return
	}
	f.gateway.Deliver(owner, data)
}

// send does not keep the frame, which is given in parts.
func (p *Port) send(sender string, parts ...[]byte) {
	sent, ok := p.queue.put(sender, parts)
	if !ok {
		p.Counters.Overrun.Add(1)
	}
	if sent {
		size := 0
		for _, part := range parts {
			size += len(part)
		}
		p.sent(size)
	}
}

func (p *Port) mayFlood() bool {
	p.groupMu.Lock()
	defer p.groupMu.Unlock()
	if now := time.Now(); now.Sub(p.groupSince) > groupPeriod {
		p.groupSince, p.groupCount = now, 0
	}
	p.groupCount++
	return p.groupCount <= groupFrames
}

// Send passes on a frame that the gateway sends, given in parts, the first of which has the whole header. It does not
// keep them.
func (f *Fabric) Send(parts ...[]byte) {
	if len(parts) == 0 || len(parts[0]) < frame.HeaderBytes {
		return
	}
	to := MAC(parts[0][:6])
	f.mu.RLock()
	trunk, port := f.trunk, f.byMAC[to]
	f.mu.RUnlock()
	switch {
	case trunk != nil:
		trunk.send(gatewaySender, parts...)
	case port != nil:
		port.send(gatewaySender, parts...)
	case to.multicast():
		f.mu.RLock()
		defer f.mu.RUnlock()
		for _, each := range f.ports {
			each.send(gatewaySender, parts...)
		}
	}
}

// EtherType of a frame that has a header.
func EtherType(data []byte) uint16 { return binary.BigEndian.Uint16(data[12:14]) }
